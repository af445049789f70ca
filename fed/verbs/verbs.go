// Package verbs works out what received activities mean: one file a verb. Each is done in
// one transaction together with the note that it is done, so that a crash repeats it whole
// or not at all, and it does nothing twice. Nobody is believed about what is another's: an
// object changes by the word of its owner only, and what is passed on by a third is looked up
// at its origin.
package verbs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/microcosm-cc/bluemonday"

	"github.com/tubelet/tubelet/fed/lanes"
	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

const (
	atOnce     = 8               // hosts whose activities are worked on at once
	turn       = 50              // activities of a host before others have their turn
	maxFetches = 30              // for one activity
	maxTime    = time.Minute     // for one activity
	turnTime   = 5 * time.Second // of a host, after which no further activity is begun
	maxTries   = 6               // the last about an hour after the first
	maxReason  = 300
)

// Config is what New needs.
type Config struct {
	Store  *store.Store
	People *people.People
	Remote *remote.Client
	Key    sign.Key // signs what is fetched
	Site   func(context.Context) (vocab.Site, error)
	Sent   func()          // something was put on its way
	Woken  <-chan struct{} // something came in
	Log    *slog.Logger

	Viewed func(video string) // somebody watched a video elsewhere

	// Portrait fetches the avatar of somebody who is shown; nil fetches none.
	Portrait func(context.Context, social.Actor) error
}

// Verbs works on received activities.
type Verbs struct {
	cfg    Config
	social *social.Store
	policy *bluemonday.Policy
}

// New returns what works on received activities.
func New(cfg Config) *Verbs { return &Verbs{cfg, cfg.Store.Social(), newPolicy()} }

// Run works until ctx ends.
func (v *Verbs) Run(ctx context.Context) error {
	return lanes.Run(ctx, lanes.Config{Most: atOnce, List: v.social.InboxLanes, Work: v.work, Woken: v.cfg.Woken, Log: v.cfg.Log})
}

// work works on some of what came from a host.
func (v *Verbs) work(ctx context.Context, host string) error {
	began := time.Now()
	for range turn {
		if time.Since(began) > turnTime {
			return nil
		}
		received, err := v.social.Next(ctx, host, time.Now())
		if errors.Is(err, lite.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = v.one(ctx, received)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// ignored says that an activity has no effect, and why.
type ignored struct{ reason string }

func (i *ignored) Error() string { return i.reason }

func ignore(format string, args ...any) error { return &ignored{fmt.Sprintf(format, args...)} }

// one works on one activity and records how that went.
func (v *Verbs) one(ctx context.Context, received social.Received) error {
	worked, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	err := v.guarded(worked, received)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	status, answered := errors.AsType[*remote.StatusError](err)
	var nothing *ignored
	final := errors.As(err, &nothing) || errors.Is(err, vocab.ErrMalformed) || errors.Is(err, remote.ErrForbidden) || errors.Is(err, remote.ErrNotObject) ||
		errors.Is(err, lite.ErrNotFound) || answered && !status.Passing() || received.Attempts+1 >= maxTries
	reason := vocab.Clean(err.Error(), maxReason)
	v.cfg.Log.DebugContext(ctx, "activity without effect", "activity", received.Activity, "actor", received.Actor, "final", final, "reason", reason)
	if final {
		return v.social.Worked(ctx, received.ID, reason)
	}
	return v.social.Later(ctx, received.ID, time.Now().Add(time.Minute<<received.Attempts), reason)
}

// guarded is do, from which a panic does not escape: the activity would be worked on, and end
// the server, at each start anew.
func (v *Verbs) guarded(ctx context.Context, received social.Received) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			v.cfg.Log.ErrorContext(ctx, "work on an activity", "activity", received.Activity, "fault", fault, "stack", string(debug.Stack()))
			err = ignore("a fault of ours: %v", fault)
		}
	}()
	return v.do(ctx, received)
}

// task is one activity that is worked on.
type task struct {
	*Verbs
	received social.Received
	activity vocab.Object
	site     vocab.Site
	now      time.Time
	fetches  int
	sent     bool // something was put on its way
}

func (v *Verbs) do(ctx context.Context, received social.Received) error {
	activity, err := vocab.Parse(received.Body)
	if err != nil {
		return err
	}
	site, err := v.cfg.Site(ctx)
	if err != nil {
		return err
	}
	t := &task{Verbs: v, received: received, activity: activity, site: site, now: time.Now()}
	if activity.Ref("actor") != received.Actor {
		return t.relayed(ctx)
	}
	verb, known := verbs()[activity.Type()]
	if !known {
		return ignore("%s is nothing we know", vocab.Clean(activity.Type(), 30))
	}
	return verb(t, ctx)
}

// verbs is what we understand.
func verbs() map[string]func(*task, context.Context) error {
	return map[string]func(*task, context.Context) error{
		"Accept":       (*task).nothing, // we ask for nothing
		"Announce":     (*task).announce,
		"Block":        (*task).block,
		"Create":       (*task).create,
		"Delete":       (*task).delete,
		"Dislike":      (*task).dislike,
		"EmojiReact":   (*task).like,
		"Flag":         (*task).flag,
		"Follow":       (*task).follow,
		"Like":         (*task).like,
		"Move":         (*task).move,
		"QuoteRequest": (*task).quote,
		"Reject":       (*task).nothing,
		"Undo":         (*task).undo,
		"Update":       (*task).update,
		"View":         (*task).view,
	}
}

func (t *task) nothing(context.Context) error { return ignore("%s is not for us", t.activity.Type()) }

// finish does f and notes that the activity is done, all or nothing. shown says that pages
// change by it.
func (t *task) finish(ctx context.Context, shown bool, f func(*social.Store) error) error {
	err := t.social.Together(ctx, shown, func(s *social.Store) error {
		if err := f(s); err != nil {
			return err
		}
		if undone := t.activity.Ref("object"); t.activity.Is("Undo") && remote.SameHost(undone, t.received.Actor) {
			if err := s.TakenBack(ctx, t.received, undone, t.now); err != nil {
				return err
			}
		}
		return s.Worked(ctx, t.received.ID, "")
	})
	if err == nil && t.sent {
		t.cfg.Sent()
	}
	return err
}

// send puts an answer on its way within a transaction.
func (t *task) send(ctx context.Context, s *social.Store, by social.Target, activity vocab.Object, to social.Actor) error {
	body, err := json.Marshal(activity)
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	// To the actor's own inbox: PeerTube takes no answer at the shared one.
	out := social.Outgoing{URI: activity.ID(), By: by, Body: body, Inboxes: []social.Recipient{{Inbox: to.Inbox, Host: to.Host}}}
	t.sent = true
	return s.Send(ctx, out, t.now)
}

// actor returns the actor who did it, unless the creator does not want to hear of them.
func (t *task) actor(ctx context.Context, uri string) (actor social.Actor, muted bool, err error) {
	if _, err := t.social.Actor(ctx, uri); errors.Is(err, lite.ErrNotFound) {
		if err := t.fetching(); err != nil {
			return social.Actor{}, false, err
		}
	}
	if actor, err = t.cfg.People.Actor(ctx, uri); err != nil {
		return social.Actor{}, false, err
	}
	block, err := t.social.Blocked(ctx, actor.Acct, actor.Host)
	if errors.Is(err, lite.ErrNotFound) {
		return actor, false, nil
	}
	if err == nil && !block.Mute {
		err = ignore("%s is blocked", block.Target)
	}
	return actor, true, err
}

// fetching counts what is fetched for one activity: a stranger must not make us crawl.
func (t *task) fetching() error {
	if t.fetches++; t.fetches > maxFetches {
		return ignore("more than %d fetches", maxFetches)
	}
	return nil
}

func (t *task) fetch(ctx context.Context, id string) (vocab.Object, error) {
	if err := t.fetching(); err != nil {
		return nil, err
	}
	return t.cfg.Remote.Object(ctx, id, t.cfg.Key)
}

// ours returns the path below our own address that an id has, and false for others' ids.
func (t *task) ours(id string) (string, bool) {
	if !remote.SameHost(id, t.site.Person()) {
		return "", false
	}
	u, err := url.Parse(id)
	if err != nil {
		return "", false
	}
	return strings.Trim(u.Path, "/"), true
}

// video returns the video that an id of ours names: its object or its page.
func (t *task) video(ctx context.Context, id string) (store.Video, error) {
	path, ok := t.ours(id)
	kind, number, _ := strings.Cut(path, "/")
	if !ok || kind != "videos" && kind != "w" {
		return store.Video{}, ignore("%s is no video of ours", vocab.Clean(id, 100))
	}
	video, err := t.cfg.Store.Video(ctx, number)
	if err == nil && !video.Listed() {
		err = ignore("video %s is not public", number)
	}
	return video, err
}

// subject returns what an id names that people react to: a video, or a comment under one.
func (t *task) subject(ctx context.Context, id string) (video string, comment int64, err error) {
	v, err := t.video(ctx, id)
	if err == nil {
		return v.ID, 0, nil
	}
	c, commentErr := t.social.CommentByURI(ctx, id)
	if errors.Is(commentErr, lite.ErrNotFound) {
		return "", 0, err
	}
	return c.Video, c.ID, commentErr
}
