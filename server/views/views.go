// Package views counts views: one for each session that watched ten seconds of a
// video. Nobody is written down. What tells repeats apart is a set of hashes in
// memory, salted anew each day and at each start, so it can't be turned back into
// addresses nor compared across days. Counts are gathered and stored in batches.
package views

import (
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"sync"
	"time"
)

const (
	// Interval is the time between two writes to the store.
	Interval = 30 * time.Second

	perViewer  = 10      // views of one video a day by one address and browser
	perAddress = 30      // by one address, whatever it says its browsers are
	perMinute  = 60      // reports a minute by one address
	maxSeen    = 1 << 17 // hashes remembered; some 3 MiB
)

// Outcome says what became of a report.
type Outcome int

// Outcomes of Count.
const (
	Counted Outcome = iota
	Repeat          // the session was counted before, or its viewer had his share
	TooMany         // this address reports too fast
)

// Report is what a player says after ten seconds.
type Report struct {
	Video   string // of a video that exists; the caller checks
	Session string // random, made by the page, gone with it
	Address string // of the viewer
	Agent   string // his browser
}

// Counter gathers views. Its methods may be called at the same time.
type Counter struct {
	add func(context.Context, map[string]int64) error
	log *slog.Logger

	mu      sync.Mutex
	day     string
	seed    maphash.Seed
	seen    map[uint64]uint8
	minute  int64
	reports map[uint64]uint8 // by address, in this minute
	pending map[string]int64
}

// New returns a Counter that hands its counts to add.
func New(add func(context.Context, map[string]int64) error, log *slog.Logger) *Counter {
	return &Counter{add: add, log: log, pending: map[string]int64{}}
}

// Count takes one report.
func (c *Counter) Count(r Report) Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(time.Now())
	if bump(c.reports, c.hash(r.Address), perMinute) {
		return TooMany
	}
	if c.spent(r) {
		return Repeat
	}
	c.pending[r.Video]++
	return Counted
}

// Add takes a view that another server counted for us.
func (c *Counter) Add(video string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[video]++
}

// spent reports whether the session was counted, or its viewer or address has had its
// share. What does not count leaves no trace, so that a flood from one address fills
// nothing.
func (c *Counter) spent(r Report) bool {
	keys := [...]uint64{
		c.hash("session", r.Address, r.Agent, r.Session, r.Video),
		c.hash("viewer", r.Address, r.Agent, r.Video),
		c.hash("address", r.Address, r.Video),
	}
	for i, limit := range [...]uint8{1, perViewer, perAddress} {
		if c.seen[keys[i]] >= limit {
			return true
		}
	}
	for _, key := range keys {
		c.seen[key]++
	}
	return false
}

// turn forgets what must not be remembered longer. A full set is forgotten early: then
// a session may count twice, which is better than a flood that stops all counting.
func (c *Counter) turn(now time.Time) {
	if day := now.UTC().Format(time.DateOnly); day != c.day || len(c.seen) >= maxSeen {
		c.day, c.seed, c.seen = day, maphash.MakeSeed(), map[uint64]uint8{}
		c.minute = 0
	}
	if minute := now.Unix() / 60; minute != c.minute || len(c.reports) >= maxSeen {
		c.minute, c.reports = minute, map[uint64]uint8{}
	}
}

func (c *Counter) hash(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, p := range parts {
		h.WriteString(p)
		h.WriteByte(0)
	}
	return h.Sum64()
}

// bump counts key up and reports whether it had reached the limit before.
func bump(m map[uint64]uint8, key uint64, limit uint8) bool {
	if m[key] >= limit {
		return true
	}
	m[key]++
	return false
}

// Run stores the counts now and then until ctx ends. What came since the last time
// is left for a final Flush.
func (c *Counter) Run(ctx context.Context) error {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := c.Flush(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("views kept for later", "err", err)
			}
		}
	}
}

// Flush stores the counts gathered so far. When that fails they are kept.
func (c *Counter) Flush(ctx context.Context) error {
	c.mu.Lock()
	batch := maps.Clone(c.pending)
	clear(c.pending)
	c.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := c.add(ctx, batch)
	if err != nil {
		c.mu.Lock()
		for id, n := range batch {
			c.pending[id] += n
		}
		c.mu.Unlock()
	}
	return err
}
