package share

import (
	"context"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/tracker"
	"github.com/tubelet/tubelet/store"
)

// flushEvery is how often counts are stored, and so how much a crash forgets.
const flushEvery = time.Minute

// fromPeers is the way of the bytes that did not leave this machine, because viewers had
// them from each other.
const fromPeers = "peers"

// ways names the ways of the budget as the store keeps them.
func ways() map[budget.Way]string {
	return map[budget.Way]string{budget.HTTP: "http", budget.Swarm: "swarm", budget.WebRTC: "webrtc", budget.TCP: "tcp"}
}

// sent adds up what left this machine.
func sent(t store.Traffic) int64 {
	var n int64
	for way, bytes := range t {
		if way != fromPeers {
			n += bytes
		}
	}
	return n
}

// traffic stores the counts of budget and tracker now and then.
type traffic struct {
	store   *store.Store
	budget  *budget.Budget
	tracker *tracker.Tracker

	mu      sync.Mutex
	stored  store.Traffic // of this process
	flushed time.Time
}

func newTraffic(s *store.Store, b *budget.Budget, t *tracker.Tracker) *traffic {
	return &traffic{store: s, budget: b, tracker: t, stored: store.Traffic{}, flushed: time.Now()}
}

// counts is what went since the start of the process.
func (t *traffic) counts() store.Traffic {
	counts := t.budget.Counts()
	all := store.Traffic{fromPeers: t.tracker.Stats().FromPeers}
	for way, name := range ways() {
		all[name] = counts.All[way]
	}
	return all
}

// due reports whether it is time to flush.
func (t *traffic) due(now time.Time) bool { return now.Sub(t.flushed) >= flushEvery }

// flush stores what is not stored yet. Nothing new writes nothing.
func (t *traffic) flush(ctx context.Context, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flushed = now
	fresh, all := store.Traffic{}, t.counts()
	for way, n := range all {
		if n > t.stored[way] {
			fresh[way] = n - t.stored[way]
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := t.store.AddTraffic(ctx, now, fresh); err != nil {
		return err
	}
	t.stored = all
	return nil
}

// unstored is what the database does not have yet.
func (t *traffic) unstored() store.Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := store.Traffic{}
	for way, n := range t.counts() {
		fresh[way] = n - t.stored[way]
	}
	return fresh
}
