// Package deliver sees to it that what we say arrives. Each delivery is a row, deleted only
// when its inbox has taken it: a crash loses none, and one that is sent twice is told by its
// activity's id. A host gets one delivery at a time; one that fails is left alone for longer
// and longer, and after a week given up until it speaks to us.
package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tubelet/tubelet/fed/group"
	"github.com/tubelet/tubelet/fed/lanes"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

const (
	atOnce   = 32                    // deliveries in flight
	turn     = 20                    // deliveries to a host before others have their turn
	pace     = 10 * time.Millisecond // between the beginnings of two: each takes some of signing and TLS, and pages are served meanwhile
	first    = time.Minute
	attempts = 13                 // the last about three days after the first
	few      = 6                  // of what a host may have no word for: the last half an hour after the first
	week     = 7 * 24 * time.Hour // of failures, after which a host is given up
	maxGroup = 64                 // outcomes stored by one commit
)

// Config is what New needs.
type Config struct {
	Store *social.Store
	Post  func(ctx context.Context, inbox string, key sign.Key, body []byte) error // remote.Client.Post
	Key   func(context.Context, social.Target) (sign.Key, error)
	Woken <-chan struct{} // there is more to deliver
	Log   *slog.Logger
}

// Deliver delivers.
type Deliver struct {
	cfg  Config
	rows *group.Writer[social.Outcome, struct{}]

	mu   sync.Mutex
	next time.Time                 // when the next delivery may begin
	open map[string]social.Outcome // by host, of attempts that could not be recorded: the disk is full
}

// New returns what delivers.
func New(cfg Config) *Deliver {
	d := &Deliver{cfg: cfg, open: map[string]social.Outcome{}}
	d.rows = group.New(maxGroup, func(ctx context.Context, list []social.Outcome) ([]struct{}, error) {
		now := time.Now()
		return make([]struct{}, len(list)), cfg.Store.Record(ctx, list, now, now.Add(-week))
	})
	return d
}

// Run delivers until ctx ends.
func (d *Deliver) Run(ctx context.Context) error {
	return lanes.Run(ctx, lanes.Config{Most: atOnce, List: d.cfg.Store.Lanes, Work: d.work, Woken: d.cfg.Woken, Log: d.cfg.Log})
}

// errStuck means that too much waits to be recorded for anything more to be sent.
var errStuck = errors.New("how earlier attempts went cannot be stored")

// work delivers some of what is due for a host, until something fails.
func (d *Deliver) work(ctx context.Context, host string) error {
	if err := d.close(ctx, host); err != nil {
		return err
	}
	if d.stuck() {
		return errStuck
	}
	for range turn {
		delivery, err := d.cfg.Store.Due(ctx, host, time.Now())
		if errors.Is(err, lite.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := d.cfg.Key(ctx, delivery.By)
		if err != nil {
			return err
		}
		d.wait(ctx)
		err = d.cfg.Post(ctx, delivery.Inbox, key, delivery.Body)
		if ctx.Err() != nil {
			return nil // cut off, not failed: it is tried again by the next who runs
		}
		outcome := judge(delivery, err, time.Now())
		if outcome.Reason != "" {
			d.cfg.Log.DebugContext(ctx, "delivery failed", "inbox", delivery.Inbox, "attempt", delivery.Attempts+1, "again", outcome.Again, "err", err)
		}
		if err := d.record(ctx, host, outcome); err != nil {
			return err
		}
		if outcome.Hold {
			return nil
		}
	}
	return nil
}

// wait waits for the turn of a delivery to begin.
func (d *Deliver) wait(ctx context.Context) {
	d.mu.Lock()
	now := time.Now()
	if d.next.Before(now) {
		d.next = now
	}
	patience := d.next.Sub(now)
	d.next = d.next.Add(pace)
	d.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// record stores how an attempt went. Where that fails it is kept, or the same would be sent again
// and again until it works.
func (d *Deliver) record(ctx context.Context, host string, outcome social.Outcome) error {
	_, err := d.rows.Do(ctx, outcome)
	if err != nil {
		outcome.Body = nil // it may be kept for hours
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open[host] = outcome
	}
	return err
}

// stuck reports whether so many attempts could not be recorded that there is no use in more.
func (d *Deliver) stuck() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open) >= atOnce
}

// close stores what could not be stored when it happened.
func (d *Deliver) close(ctx context.Context, host string) error {
	d.mu.Lock()
	outcome, open := d.open[host]
	delete(d.open, host)
	d.mu.Unlock()
	if !open {
		return nil
	}
	return d.record(ctx, host, outcome)
}

// judge decides what follows from an attempt.
func judge(d social.Delivery, err error, now time.Time) social.Outcome {
	o := social.Outcome{Delivery: d, Done: true, Alive: true}
	if err == nil {
		return o
	}
	o.Reason = err.Error()
	status, answered := errors.AsType[*remote.StatusError](err)
	o.Alive = answered && status.Code < 500
	// GoToSocial answers 500 to what it has no word for.
	unheard := answered && status.Code == 500 && rare(d.Body)
	switch {
	case answered && status.Code == 410:
		o.Gone = true
		return o
	case answered && status.Code == 404:
		// Where a shared inbox is not found, the server is out of order rather than gone.
		o.Gone = !d.Shared
		return o
	case errors.Is(err, remote.ErrForbidden), answered && final(status.Code), d.Attempts+1 >= attempts, unheard && d.Attempts+1 >= few:
		return o
	}
	wait := backoff(d.Attempts)
	if answered {
		wait = max(wait, status.RetryAfter)
	}
	// Where it was once about one activity, the rest may go on.
	o.Done, o.Alive, o.Again = false, false, now.Add(wait)
	o.Hold = !answered || status.Code != 500 || d.Attempts == 0 && !unheard
	return o
}

// rare reports whether an activity is one that most servers do not know: of ApproveReply,
// FEP-5624, only PeerTube does, and no other misses anything by it.
func rare(body []byte) bool {
	var activity struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(body, &activity) == nil && activity.Type == "ApproveReply"
}

// final reports whether a status says that the same again will not be taken either. What
// asks for patience, or for a key that could not be fetched, may be taken later.
func final(code int) bool {
	return code >= 400 && code < 500 && code != 401 && code != 408 && code != 425 && code != 429 || code == 501
}

// backoff is how long to wait after an attempt: a minute, then twice as long each time, a
// little more or less so that not all come at once.
func backoff(before int) time.Duration {
	wait := first << min(before, attempts)
	return wait*9/10 + rand.N(wait/5)
}
