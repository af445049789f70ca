// Package web answers what other servers ask about the channel: who it is (WebFinger,
// NodeInfo, actors), what it has published (videos, outbox), and what was said and done
// about that (collections). It makes documents from rows and sends nothing by itself: the
// server keeps them in its cache, and shows people a page instead.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const (
	pageSize = 50
	pageLast = 2000 // how far anybody crawls
)

// ActivityType is the content type of objects.
const ActivityType = "application/activity+json; charset=utf-8"

// Content types of the rest.
const (
	jrdType  = "application/jrd+json; charset=utf-8"
	xrdType  = "application/xrd+xml; charset=utf-8"
	jsonType = "application/json; charset=utf-8"
)

// GoneError is the answer for what was there once: 410 with a tombstone.
type GoneError struct{ Body []byte }

func (e *GoneError) Error() string { return "gone" }

// Document is an answer.
type Document struct {
	Type string
	Body []byte
}

// Config is what New needs.
type Config struct {
	Store   *store.Store
	Site    func(context.Context) (vocab.Site, error)
	Facts   func(context.Context, store.Video) (vocab.Facts, error)
	Version string // of this program
}

// Web makes documents.
type Web struct {
	cfg    Config
	social *social.Store
}

// New returns a maker of documents.
func New(cfg Config) *Web { return &Web{cfg, cfg.Store.Social()} }

// maker makes one kind of document for a request.
type maker func(context.Context, vocab.Site, *http.Request) (Document, error)

// Open lists the addresses at which everybody is answered the same.
func (w *Web) Open() map[string]func(context.Context, *http.Request) (Document, error) {
	return w.bound(map[string]maker{
		"GET /.well-known/webfinger": w.webfinger,
		"GET /.well-known/host-meta": w.hostMeta,
		"GET /.well-known/nodeinfo":  w.nodeLinks,
		"GET /nodeinfo/{version}":    w.nodeInfo,
	})
}

// Objects lists the addresses that are ids: a program is answered with the object, a
// browser is sent to the page that People returns.
func (w *Web) Objects() map[string]func(context.Context, *http.Request) (Document, error) {
	return w.bound(map[string]maker{
		"GET /users/{name}":              w.actor,
		"GET /users/{name}/outbox":       w.outbox,
		"GET /users/{name}/followers":    w.followers,
		"GET /users/{name}/following":    w.following,
		"GET /users/{name}/featured":     w.featured,
		"GET /videos/{id}":               w.video,
		"GET /videos/{id}/chapters":      w.chapters,
		"GET /videos/{id}/{collection}":  w.collection,
		"GET /comments/{number}":         w.comment,
		"GET /comments/{number}/replies": w.replies,
		"GET /activities/create/{id}":    w.create,
		"GET /activities/announce/{id}":  w.announce,
		"GET /activities/boost/{boost}":  w.boost,
		"GET /quotes/{number}":           w.quote,
	})
}

func (w *Web) bound(makers map[string]maker) map[string]func(context.Context, *http.Request) (Document, error) {
	bound := make(map[string]func(context.Context, *http.Request) (Document, error), len(makers))
	for pattern, make := range makers {
		bound[pattern] = func(ctx context.Context, r *http.Request) (Document, error) {
			site, err := w.cfg.Site(ctx)
			if err != nil {
				return Document{}, err
			}
			if err := w.retired(ctx, site, r); err != nil {
				return Document{}, err
			}
			return make(ctx, site, r)
		}
	}
	return bound
}

// retired returns a *GoneError for everything of a channel that has ended.
func (w *Web) retired(ctx context.Context, site vocab.Site, r *http.Request) error {
	standing, err := w.social.Standing(ctx)
	if err != nil || standing.Retired.IsZero() {
		return err
	}
	return gone(vocab.Tombstone(site.Channel.Base()+r.URL.Path, "Object", standing.Retired))
}

func gone(tombstone vocab.Object) error {
	body, err := json.Marshal(tombstone)
	if err != nil {
		return fmt.Errorf("write a tombstone: %w", err)
	}
	return &GoneError{body}
}

// Wants reports whether a request asks for an object rather than for a page.
func Wants(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/activity+json") || strings.Contains(accept, "application/ld+json")
}

// People returns the page that people are shown for the address of an object.
func (w *Web) People(ctx context.Context, r *http.Request) (string, error) {
	if id := r.PathValue("id"); id != "" {
		video, err := w.cfg.Store.Video(ctx, id)
		if err == nil && video.Visible() {
			return "/w/" + id, nil
		}
		if _, toldErr := w.told(ctx, id); toldErr == nil {
			return "", &GoneError{}
		}
		return "", errors.Join(err, store.ErrNotFound)
	}
	if id := r.PathValue("boost"); id != "" {
		boost, err := w.boosted(ctx, vocab.Site{}, id)
		return boost.Ref("object"), err
	}
	if r.PathValue("number") == "" {
		return "/", nil
	}
	if strings.HasPrefix(r.URL.Path, "/quotes/") {
		quote, err := w.allowed(ctx, r)
		return "/w/" + quote.Video, err
	}
	comment, err := w.own(ctx, r)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/w/%s#comment-%d", comment.Video, comment.ID), nil
}

// object makes a document of an object.
func object(o vocab.Object) (Document, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return Document{}, fmt.Errorf("write an object: %w", err)
	}
	return Document{ActivityType, body}, nil
}

// listed returns a video that everybody may know of. One that others were told of and that
// is gone is a *GoneError.
func (w *Web) listed(ctx context.Context, site vocab.Site, id string) (store.Video, error) {
	video, err := w.cfg.Store.Video(ctx, id)
	if err == nil && video.Listed() {
		return video, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Video{}, err
	}
	told, err := w.told(ctx, id)
	if err != nil {
		return store.Video{}, err // mostly ErrNotFound: nobody was ever told
	}
	return store.Video{}, gone(vocab.Tombstone(site.Video(id), "Video", told.ToldAt))
}

// told returns what others were told of a video, or store.ErrNotFound. Beside videos the store
// remembers what was told of the channel, under a name that no video has.
func (w *Web) told(ctx context.Context, id string) (social.Told, error) {
	if strings.HasPrefix(id, "@") {
		return social.Told{}, store.ErrNotFound
	}
	return w.social.Told(ctx, id)
}

// page reads which page of a collection is asked for, 0 for the collection itself. A number has one
// spelling, or strangers would fill the page cache with copies of one page.
func page(r *http.Request) (int, error) {
	text := r.URL.Query().Get("page")
	if text == "" {
		return 0, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > pageLast || strconv.Itoa(number) != text {
		return 0, store.ErrNotFound
	}
	return number, nil
}

// list makes a collection, or one page of it: load returns what is at an offset.
func list(r *http.Request, id string, total int64, load func(offset, limit int) ([]any, error)) (Document, error) {
	number, err := page(r)
	if err != nil {
		return Document{}, err
	}
	if number == 0 {
		return object(vocab.Collection(id, total, load == nil))
	}
	if load == nil {
		return Document{}, store.ErrNotFound
	}
	items, err := load((number-1)*pageSize, pageSize)
	if err != nil {
		return Document{}, err
	}
	return object(vocab.Page(id, total, number, items, int64(number)*pageSize < total))
}

func anys[T any](list []T, item func(T) any) []any {
	out := make([]any, 0, len(list))
	for _, t := range list {
		out = append(out, item(t))
	}
	return out
}
