// Package fediverse joins the fediverse (package fed) to the pages: it tells fed what only
// the server knows of a video, puts fed's documents into the page cache, sends people to
// pages and programs to objects, shows the avatars of those who comment, and leads
// visitors to their own server, from where they follow, answer, like and boost.
//
// There is no log-in here: what a visitor types is asked about once and forgotten.
package fediverse

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// Config is what New needs.
type Config struct {
	Data    string
	Store   *store.Store
	Channel store.Channel // for what never changes of it
	Local   bool
	Version string // of this program
	Prose   *prose.Writer
	Cache   *cache.Cache
	Log     *slog.Logger

	Address func(*http.Request) string                // whom limits are for
	Head    func(context.Context) (pages.Site, error) // what every page shows
	Render  func(pages.Page) (cache.Answer, error)    // makes a page
	Hashes  func(store.Channel, store.Video) string   // address of a video's segment hashes
	Viewed  func(video string)                        // counts a view elsewhere
	Refuse  func(status int, detail string) error     // an answer other than the one asked for
}

// Action is a handler that leaves its errors to the caller.
type Action = func(w http.ResponseWriter, r *http.Request) error

// Fediverse is the channel's part of the fediverse, as a server shows it.
type Fediverse struct {
	cfg     Config
	fed     *fed.Fed
	social  *social.Store
	inbox   http.Handler
	avatars *os.Root
	turns   *turns

	mu        sync.Mutex
	followers int
	counted   time.Time
}

// New prepares everything and starts nothing.
func New(ctx context.Context, cfg Config) (*Fediverse, error) {
	f := &Fediverse{cfg: cfg, social: cfg.Store.Social(), turns: newTurns()}
	private, err := Networks(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	if err := ensureKey(cfg.Data, cfg.Log); err != nil {
		return nil, err
	}
	f.fed, err = fed.New(ctx, fed.Config{
		Data: cfg.Data, Store: cfg.Store, Local: cfg.Local, Version: cfg.Version, Log: cfg.Log,
		Prose: Prose(cfg.Prose, cfg.Channel), Facts: f.facts, Caller: cfg.Address, Viewed: cfg.Viewed, Private: private,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the federation: %w", err)
	}
	dir := filepath.Join(cfg.Data, "cache", "avatars")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if f.avatars, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	f.inbox = f.fed.Inbox()
	return f, nil
}

// Close lets go of what New opened.
func (f *Fediverse) Close() {
	f.avatars.Close()
	f.fed.Close()
}

// Run tells others what is new and works on what they send, until ctx ends.
func (f *Fediverse) Run(ctx context.Context) error { return f.fed.Run(ctx) }

// Prose returns what makes HTML for others of the creator's Markdown. They read it elsewhere,
// so links to this channel are written out.
func Prose(w *prose.Writer, c store.Channel) func(string) string {
	return func(markdown string) string {
		if strings.TrimSpace(markdown) == "" {
			return ""
		}
		return strings.ReplaceAll(string(w.HTML(markdown, 0)), ` href="/`, ` href="`+c.Base()+`/`)
	}
}

// Networks returns the private networks that may be spoken to: none, but for tests and closed
// networks.
func Networks(ctx context.Context, db *store.Store) ([]netip.Prefix, error) {
	text, err := db.Setting(ctx, "federation.private")
	if err != nil {
		return nil, err
	}
	var list []netip.Prefix
	for _, one := range strings.Fields(text) {
		prefix, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, fmt.Errorf("read setting federation.private: %w", err)
		}
		list = append(list, prefix)
	}
	return list, nil
}

// Routes lists the addresses that are answered here.
func (f *Fediverse) Routes() map[string]Action {
	routes := map[string]Action{
		"POST /inbox":              f.take,
		"POST /users/{name}/inbox": f.take,
		"GET /avatars/{file}":      f.sendAvatar,
		"GET /interact":            f.ask,
		"POST /interact":           f.lead,
	}
	for pattern, make := range f.fed.Web().Open() {
		routes[pattern] = f.open(make)
	}
	for pattern, make := range f.fed.Web().Objects() {
		routes[pattern] = f.object(make)
	}
	return routes
}

// On reports whether the channel is part of the fediverse.
func (f *Fediverse) On(ctx context.Context) (bool, error) {
	value, err := f.cfg.Store.Setting(ctx, "federation")
	return value == "on", err
}

// on returns store.ErrNotFound while the channel is no part of the fediverse.
func (f *Fediverse) on(ctx context.Context) error {
	on, err := f.On(ctx)
	if err == nil && !on {
		err = store.ErrNotFound
	}
	return err
}

// take takes in an activity.
func (f *Fediverse) take(w http.ResponseWriter, r *http.Request) error {
	if err := f.on(r.Context()); err != nil {
		return err
	}
	if name := r.PathValue("name"); name != "" && name != f.cfg.Channel.Handle && name != f.cfg.Channel.Handle+"_channel" {
		return store.ErrNotFound
	}
	f.inbox.ServeHTTP(w, r)
	return nil
}

// fresh is how long the number of followers is believed. It changes without a commit that
// pages heed, since thousands may follow in an hour.
const fresh = 3 * time.Second

// Followers returns how many follow either actor, as of a few seconds ago.
func (f *Fediverse) Followers(ctx context.Context) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.counted) < fresh {
		return f.followers, nil
	}
	total := 0
	for _, target := range []social.Target{social.Person, social.Group} {
		_, n, err := f.social.Followers(ctx, target, 0, 1)
		if err != nil {
			return 0, err
		}
		total += n
	}
	f.followers, f.counted = total, time.Now()
	return total, nil
}
