// Package notify tells the creator when something happens: to a webhook or an ntfy topic, and
// by mail. Comments and followers come together in a digest, not more often than the creator
// wants; what needs him (a failed job, a certificate, a disk, a backup) comes at once, and
// again only when it went away meanwhile, or after a week.
//
// What was told is remembered in data/notify.json, one memory for each way, so that neither
// a restart nor a way that is broken for a while makes it repeat or forget anything. No
// address or password is ever logged.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/tubelet/tubelet/store"
)

// Kind is what a message is about.
type Kind string

// The kinds.
const (
	Digest      Kind = "digest"
	Job         Kind = "job"
	Certificate Kind = "certificate"
	Disk        Kind = "disk"
	Backup      Kind = "backup"
	Test        Kind = "test"
)

// Message is one message to the creator.
type Message struct {
	Kind    Kind
	Channel string // @handle@domain
	Title   string
	Text    string
	URL     string // of the channel
	Items   []Item // of a digest
	At      time.Time
}

// Item is one comment or follower.
type Item struct {
	Kind string `json:"kind"` // comment, held (a comment that waits for approval), follower, or request (to follow)
	From string `json:"from"` // @user@host
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Watcher looks for what is new and tells it.
type Watcher struct {
	Data  string
	Store *store.Store
	Log   *slog.Logger

	// Space returns how much of the data's disk is free; for tests. Nil asks the disk.
	Space func(dir string) (free, total int64, err error)

	rest map[string]pause // by way: after a failure
}

// pause is how long a way that failed is left alone.
type pause struct {
	until time.Time
	last  time.Duration
}

const (
	lookEvery    = time.Minute
	sendTime     = 20 * time.Second
	firstPause   = time.Minute
	longestPause = 6 * time.Hour
)

// Run looks every minute until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := w.RunOnce(ctx, time.Now()); err != nil && ctx.Err() == nil {
			w.Log.Warn("the creator was not told", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// RunOnce looks once and tells what is new at now. What goes wrong with one way does not
// concern the other; the error is the last.
func (w *Watcher) RunOnce(ctx context.Context, now time.Time) error {
	ways, cfg, err := open(ctx, w.Store)
	if err != nil || len(ways) == 0 {
		return err
	}
	book, err := load(w.Data)
	if err != nil {
		return err
	}
	var failed error
	changed := false
	for name, send := range ways {
		if now.Before(w.rest[name].until) {
			continue
		}
		m, err := w.tell(ctx, cfg, book[name], send, now)
		if err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
			w.pause(name, now)
		} else {
			delete(w.rest, name)
		}
		if !m.same(book[name]) {
			book[name], changed = m, true
		}
	}
	if changed {
		if err := save(w.Data, book); err != nil {
			return err
		}
	}
	return failed
}

// tell sends what one way has not been told, and returns what it knows then. What was sent
// before something failed is not sent again.
func (w *Watcher) tell(ctx context.Context, cfg settings, m memory, send sender, now time.Time) (memory, error) {
	if m.Since.IsZero() {
		// The way is new: it is not told the past.
		last, err := w.Store.Social().LastComment(ctx)
		return memory{Since: now, Comment: last, Followers: now, Jobs: now, Digest: now.Add(-cfg.every), Told: map[Kind]time.Time{}}, err
	}
	m = m.copy()
	list, err := w.news(ctx, cfg, m, now)
	if err != nil {
		return m, err
	}
	for _, n := range list {
		if n.message.Kind != "" {
			n.message.Channel, n.message.URL, n.message.At = cfg.channel, cfg.base, now
			ctx, cancel := context.WithTimeout(ctx, sendTime)
			err := send(ctx, n.message)
			cancel()
			if err != nil {
				m.Error, m.FailedAt = err.Error(), now
				return m, err
			}
			m.Error, m.FailedAt = "", time.Time{}
		}
		n.told(&m)
	}
	return m, nil
}

func (w *Watcher) pause(name string, now time.Time) {
	if w.rest == nil {
		w.rest = map[string]pause{}
	}
	next := min(max(firstPause, 2*w.rest[name].last), longestPause)
	w.rest[name] = pause{now.Add(next), next}
}
