// Package lanes does work for many hosts at once, for each of them one thing at a time: a
// slow host holds up nobody else, and what is meant for one host stays in order. What there
// is to do is rows in the store; this package only remembers who is at it.
package lanes

import (
	"context"
	"log/slog"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

const (
	again  = time.Minute     // after which is looked again, whatever the clock did meanwhile
	pause  = 5 * time.Second // after the store failed; longer each time that it does so again for a host
	most   = 5 * time.Minute // at the longest
	settle = time.Second     // before which a list that is not worked off is not made anew
	slow   = 5 * time.Second // a turn of a host that takes longer counts like one that fails
)

// Config is what Run needs.
type Config struct {
	Most int // hosts at once; of those that fail, or were slow at their last turn, half as many

	// List returns the hosts for which there is something to do, now or later, in the order in
	// which to begin.
	List func(context.Context) ([]social.Lane, error)

	// Work does some of what is due for a host. What it leaves is listed again.
	Work func(ctx context.Context, host string) error

	Woken <-chan struct{} // there is more to do
	Log   *slog.Logger
}

// runner is the state of one Run.
type runner struct {
	cfg     Config
	busy    map[string]bool // hosts at work; true for those that fail
	failing int             // of them
	slow    map[string]bool // hosts whose last turn was slow, of those that there is something to do for
	resting map[string]rest // those for which the store failed: the disk is full
	pending []social.Lane   // due, not begun
	next    time.Time       // when to look again
	listed  time.Time       // when pending was made
	done    chan turn
}

// turn is a host's turn that has ended.
type turn struct {
	host   string
	slow   bool
	failed bool
}

// rest is how long a host is left alone.
type rest struct {
	until time.Time
	times int // the store failed for it in a row
}

// Run works until ctx ends, and returns when all work has ended.
func Run(ctx context.Context, cfg Config) error {
	r := &runner{cfg: cfg, busy: map[string]bool{}, slow: map[string]bool{}, resting: map[string]rest{}, done: make(chan turn, cfg.Most)}
	for ctx.Err() == nil {
		r.list(ctx)
		r.begin(ctx)
		r.wait(ctx)
	}
	for range len(r.busy) {
		<-r.done
	}
	return nil
}

// list asks what there is to do, unless there is plenty left from before.
func (r *runner) list(ctx context.Context) {
	now := time.Now()
	if len(r.pending) > 0 && now.Sub(r.listed) < settle {
		return
	}
	r.listed, r.next, r.pending = now, now.Add(again), nil
	lanes, err := r.cfg.List(ctx)
	if err != nil && ctx.Err() == nil {
		r.cfg.Log.ErrorContext(ctx, "cannot list what there is to do", "err", err)
		r.next = now.Add(pause)
	}
	known, resting := r.slow, map[string]rest{}
	r.slow = map[string]bool{}
	for _, lane := range lanes {
		if known[lane.Host] {
			r.slow[lane.Host], lane.Failing = true, true
		}
		if rest, rests := r.resting[lane.Host]; rests {
			resting[lane.Host] = rest
			if lane.Due.Before(rest.until) {
				lane.Due = rest.until
			}
		}
		_, busy := r.busy[lane.Host]
		switch {
		case busy:
		case !lane.Due.After(now):
			r.pending = append(r.pending, lane)
		case lane.Due.Before(r.next):
			r.next = lane.Due
		}
	}
	if err == nil {
		r.resting = resting
	}
}

// begin begins as much as may run at once.
func (r *runner) begin(ctx context.Context) {
	var left []social.Lane
	for _, lane := range r.pending {
		_, busy := r.busy[lane.Host]
		switch {
		case busy:
		case len(r.busy) >= r.cfg.Most, lane.Failing && r.failing >= (r.cfg.Most+1)/2:
			left = append(left, lane)
		default:
			r.start(ctx, lane)
		}
	}
	r.pending = left
}

func (r *runner) start(ctx context.Context, lane social.Lane) {
	r.busy[lane.Host] = lane.Failing
	if lane.Failing {
		r.failing++
	}
	go func() {
		began := time.Now()
		err := r.cfg.Work(ctx, lane.Host)
		if err != nil && ctx.Err() == nil {
			r.cfg.Log.ErrorContext(ctx, "cannot work for a host", "host", lane.Host, "err", err)
		}
		r.done <- turn{lane.Host, time.Since(began) > slow, err != nil} // never waits: there is a place for each
	}()
}

// wait returns when there may be something to begin.
func (r *runner) wait(ctx context.Context) {
	next := r.next
	if anew := r.listed.Add(settle); len(r.pending) > 0 && next.Before(anew) {
		next = anew // before which nothing is looked for
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case t := <-r.done:
		r.end(t)
	case <-r.cfg.Woken:
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	for { // several may have ended at once
		select {
		case t := <-r.done:
			r.end(t)
		default:
			return
		}
	}
}

func (r *runner) end(t turn) {
	if r.busy[t.host] {
		r.failing--
	}
	delete(r.busy, t.host)
	if delete(r.slow, t.host); t.slow {
		r.slow[t.host] = true
	}
	r.rest(t)
}

// rest leaves a host alone for which the store failed, or the same would come again at once. Once
// the store works for one of those again, the others need not wait any longer.
func (r *runner) rest(t turn) {
	before, rested := r.resting[t.host]
	switch {
	case t.failed:
		wait := min(pause<<min(before.times, 10), most)
		r.resting[t.host] = rest{time.Now().Add(wait), before.times + 1}
	case rested:
		delete(r.resting, t.host)
		for host, rest := range r.resting {
			rest.until = time.Time{}
			r.resting[host] = rest
		}
		r.listed = time.Time{}
	}
}
