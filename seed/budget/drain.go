package budget

import (
	"slices"
	"sync"
	"time"
)

// drain measures how fast the line takes bytes while somebody waits for it: the largest of
// the last ten seconds' rates. The largest, because a second may hold a slow receiver only;
// the last ten, because lines change. A write counts when it ends, with the time that no
// earlier one has covered, so that a receiver who takes nothing says nothing of the line.
type drain struct {
	mu       sync.Mutex
	covered  time.Time     // up to when busy was counted
	busy     time.Duration // of this slot
	bytes    float64       // accepted in this slot
	began    time.Time     // this slot
	rates    [10]float64
	at       int
	measured float64
}

const (
	drainSlot  = time.Second
	drainFirst = 1.25e6                 // 10 Mbit/s, until something was measured
	drainIdle  = 250 * time.Millisecond // less blocked time in a slot than this is none
	drainSlow  = 2 * time.Second        // a part that takes longer, and comes to less than drainLeast, is the receiver's fault
	drainLeast = 4 << 10                // bytes a second
)

// wrote books a write of n bytes.
func (d *drain) wrote(from, to time.Time, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	took := to.Sub(from)
	if took > drainSlow && float64(n) < drainLeast*took.Seconds() {
		return
	}
	if from.Before(d.covered) {
		from = d.covered
	}
	if to.After(from) {
		d.busy += to.Sub(from)
		d.covered = to
	}
	d.bytes += float64(n)
	d.roll(to)
}

// roll closes a slot. One that was hardly busy only shows that the line is no slower than
// what went: the kernel's buffers took it.
func (d *drain) roll(now time.Time) {
	if now.Sub(d.began) < drainSlot {
		return
	}
	rate := d.bytes / max(d.busy, drainIdle).Seconds()
	if d.busy >= drainIdle || rate > d.measured {
		d.rates[d.at] = rate
		d.at = (d.at + 1) % len(d.rates)
		d.measured = slices.Max(d.rates[:])
	}
	d.busy, d.bytes, d.began = 0, 0, now
}

// rate is what was measured, or 0.
func (d *drain) rate() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.measured
}
