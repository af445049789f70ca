package budget

import (
	"slices"
	"sync"
	"time"
)

// drain measures how fast the line takes bytes while somebody waits for it: the largest of
// the last ten seconds' rates. The largest, because a second may hold a slow receiver only;
// the last ten, because lines change.
type drain struct {
	mu       sync.Mutex
	writers  int           // writes under way
	since    time.Time     // when the first of them began
	busy     time.Duration // of this second
	bytes    float64       // accepted in this second
	began    time.Time     // this second
	rates    [10]float64
	at       int
	measured float64
}

const (
	drainSlot  = time.Second
	drainFirst = 1.25e6                 // 10 Mbit/s, until something was measured
	drainIdle  = 250 * time.Millisecond // less blocked time in a slot than this is none
)

func (d *drain) begin(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roll(now)
	if d.writers == 0 {
		d.since = now
	}
	d.writers++
}

func (d *drain) end(now time.Time, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.collect(now)
	d.writers--
	d.bytes += float64(n)
	d.roll(now)
}

func (d *drain) collect(now time.Time) {
	if d.writers > 0 {
		d.busy += now.Sub(d.since)
		d.since = now
	}
}

// roll closes a slot. One that was hardly busy only shows that the line is no slower than
// what went: the kernel's buffers took it.
func (d *drain) roll(now time.Time) {
	if now.Sub(d.began) < drainSlot {
		return
	}
	d.collect(now)
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
