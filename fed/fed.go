// Package fed makes the channel part of the fediverse: two actors that others follow, one
// that authors (a Person) and one that announces (a Group). It takes in what other servers
// send (inbox), works out what that means (verbs), tells followers what is new (news), and
// sees to it that what is said arrives (deliver). What others ask is answered by web.
//
// All state is rows in the store, so that a restart forgets nothing, and a command that
// writes rows is obeyed by the server that runs, or by the next.
package fed

import (
	"context"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"

	"github.com/tubelet/tubelet/fed/avatar"
	"github.com/tubelet/tubelet/fed/deliver"
	"github.com/tubelet/tubelet/fed/inbox"
	"github.com/tubelet/tubelet/fed/news"
	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/verbs"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/fed/web"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// Config is what New needs. Commands leave out what only Run and the handlers use: Facts,
// Viewed, Caller.
type Config struct {
	Data    string // the data directory
	Store   *store.Store
	Local   bool // the channel is for this machine only: nothing outside is asked whether it is reachable
	Version string
	Log     *slog.Logger // nil discards

	// Prose turns the creator's Markdown into sanitised HTML.
	Prose func(markdown string) string

	// Facts tells what a video's object says beside what the creator said.
	Facts func(context.Context, store.Video) (vocab.Facts, error)

	// Viewed counts that somebody watched a video on another server.
	Viewed func(video string)

	// Caller names whom limits are for: the address of the connection.
	Caller func(*http.Request) string

	// Private are networks that may be spoken to although they are not public, for tests and
	// closed networks.
	Private []netip.Prefix

	// Dial stands for the network, for tests in virtual time; see remote.Config.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Fed is the channel's part of the fediverse.
type Fed struct {
	cfg     Config
	social  *social.Store
	private *rsa.PrivateKey
	remote  *remote.Client
	people  *people.People
	avatars *avatar.Keeper
	web     *web.Web
	inbox   *inbox.Inbox
	verbs   *verbs.Verbs
	news    *news.News
	deliver *deliver.Deliver
	came    chan struct{} // something came in
	sent    chan struct{} // something was put on its way
}

// New reads the channel's key and prepares everything; it starts nothing.
func New(ctx context.Context, cfg Config) (*Fed, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	private, err := sign.Load(filepath.Join(cfg.Data, "keys", "actor.pem"))
	if err != nil {
		return nil, err
	}
	f := &Fed{cfg: cfg, social: cfg.Store.Social(), private: private, came: make(chan struct{}, 1), sent: make(chan struct{}, 1)}
	site, err := f.Site(ctx)
	if err != nil {
		return nil, err
	}
	f.remote = remote.New(remote.Config{
		Agent: fmt.Sprintf("Tubelet/%s (+%s/)", cfg.Version, site.Channel.Base()), Host: site.Channel.Domain, Private: cfg.Private, Dial: cfg.Dial,
	})
	f.people = people.New(people.Config{Store: f.social, Remote: f.remote, Key: f.key(site.Person())})
	f.avatars = avatar.New(filepath.Join(cfg.Data, "cache", "avatars"), f.social, f.remote.Picture)
	f.web = web.New(web.Config{Store: cfg.Store, Site: f.Site, Facts: cfg.Facts, Version: cfg.Version})
	f.inbox = inbox.New(inbox.Config{Store: f.social, People: f.people, Caller: cfg.Caller, Woken: func() { wake(f.came) }, Log: cfg.Log})
	f.verbs = verbs.New(verbs.Config{
		Store: cfg.Store, People: f.people, Remote: f.remote, Key: f.key(site.Person()), Site: f.Site, Woken: f.came, Log: cfg.Log, Viewed: cfg.Viewed,
		Sent: func() { wake(f.sent) }, Portrait: f.avatars.Fetch,
	})
	f.news = news.New(news.Config{Store: cfg.Store, Site: f.Site, Facts: cfg.Facts})
	f.deliver = deliver.New(deliver.Config{Store: f.social, Post: f.remote.Post, Key: f.signer, Woken: f.sent, Log: cfg.Log})
	return f, nil
}

// signer is the key of one of our actors.
func (f *Fed) signer(ctx context.Context, target social.Target) (sign.Key, error) {
	channel, err := f.cfg.Store.Channel(ctx)
	if err != nil {
		return sign.Key{}, err
	}
	return f.key(id(vocab.Site{Channel: channel}, target)), nil
}

// wake has a loop look again.
func wake(loop chan struct{}) {
	select {
	case loop <- struct{}{}:
	default: // it will already
	}
}

// key is the one with which one of our actors signs.
func (f *Fed) key(actor string) sign.Key { return sign.NewKey(vocab.KeyID(actor), f.private) }

// Site returns what everything that is published hangs on, as it is now.
func (f *Fed) Site(ctx context.Context) (vocab.Site, error) {
	channel, err := f.cfg.Store.Channel(ctx)
	if err != nil {
		return vocab.Site{}, err
	}
	standing, err := f.social.Standing(ctx)
	if err != nil {
		return vocab.Site{}, err
	}
	approve, err := f.cfg.Store.Setting(ctx, "followers.approve")
	if err != nil {
		return vocab.Site{}, err
	}
	quotes, err := f.cfg.Store.Setting(ctx, "federation.quotes")
	if err != nil {
		return vocab.Site{}, err
	}
	public, err := f.key("").PublicPEM()
	if err != nil {
		return vocab.Site{}, err
	}
	return vocab.Site{
		Channel: channel, PublicPEM: public, HTML: f.cfg.Prose, Approve: approve == "true", NoQuotes: quotes == "off", Moved: standing.Moved, Aliases: standing.Aliases,
	}, nil
}

// Web answers what other servers ask.
func (f *Fed) Web() *web.Web { return f.web }

// Inbox is the handler of both actors' inboxes and the shared one.
func (f *Fed) Inbox() http.Handler { return f.inbox }

// FollowPage returns where somebody with a handle follows an actor of ours, or answers a
// video: a page of their own server.
func (f *Fed) FollowPage(ctx context.Context, handle, address string) (string, error) {
	return f.people.FollowPage(ctx, handle, address)
}

// Close drops idle connections.
func (f *Fed) Close() { f.remote.Close() }
