package swarm

import (
	"sync"
	"time"
)

// Coordinator schedules every swarm of one origin. It is safe for concurrent use.
type Coordinator struct {
	mu     sync.Mutex
	origin Origin
}

// New returns a Coordinator that grants what origin has room for.
func New(origin Origin) *Coordinator {
	return &Coordinator{origin: origin}
}

// Join adds a viewer or a mirror to the swarm of a rendition. A viewer that joins a second
// rendition plays that one from now on and stays in the first as a holder of its pieces. It
// reports false when the bounds on swarms and peers are reached.
func (c *Coordinator) Join(now time.Time, hash string, m *Media, p Peer, mirror bool) bool {
	return true
}

// Leave forgets a peer in one swarm; an empty hash means all of them (its socket closed).
func (c *Coordinator) Leave(now time.Time, hash string, p Peer) {}

// Report takes what a viewer says of itself.
func (c *Coordinator) Report(now time.Time, hash string, p Peer, r Report) {}

// Tick hands out what the origin has room for. Call it every 100 ms while there are viewers.
func (c *Coordinator) Tick(now time.Time) []Grant { return nil }

// Lease says what a request for the bytes [from, to) may claim, and how near their deadline
// is. Call it once when the request comes, and Done when its answer has ended.
func (c *Coordinator) Lease(now time.Time, hash string, p Peer, from, to int64) (slack time.Duration, right Right) {
	return 0, Plain
}

// Done ends what Lease began; whole says that all of the bytes were sent.
func (c *Coordinator) Done(now time.Time, hash string, p Peer, from, to int64, whole bool) {}

// Proven is the upload in bytes a second that a peer's receivers have confirmed.
func (c *Coordinator) Proven(p Peer) float64 { return 0 }
