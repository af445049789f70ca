// Package budget is the one gate that all media bytes leave by, however they travel: HTTP,
// WebRTC, TCP or uTP. It orders them by class and deadline, shares fairly among viewers,
// keeps the set rate and counts the month. Pages, federation and the tracker never pass it.
package budget

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Way is how bytes travel.
type Way int

// The ways.
const (
	HTTP   Way = iota // to a player or a download, without a lease
	Swarm             // by HTTP under a lease or as a coordinated viewer's start
	WebRTC            // from our BitTorrent seed to a browser
	TCP               // from our BitTorrent seed to a client, uTP included
	Ways              // how many there are
)

// Class says what bytes are for; a lower one goes first.
type Class int

// The classes.
const (
	Start   Class = iota // a viewer's first bytes after a start or a seek
	Leased               // under a lease of the coordinator, by deadline
	Plain                // a player that is not coordinated
	Bulk                 // downloads and BitTorrent
	Classes              // how many there are
)

// Claim is who asks for bytes and what for.
type Claim struct {
	Viewer string        // peer id or client address: what fairness counts by
	Way    Way           //
	Class  Class         //
	Slack  time.Duration // Start and Leased: until the player needs the bytes, as the coordinator says
	Rate   float64       // Plain: the media's bytes a second; the guard lets 1.2 times that through. 0: no guard
}

// Config is what a Budget starts with.
type Config struct {
	Rate  int64            // bytes a second; 0: no limit
	Month int64            // bytes a calendar month; 0: no limit
	Used  Used             // what earlier runs of the server have sent
	Now   func() time.Time // nil: time.Now
}

// Used is what was sent before this run, from the database.
type Used struct {
	Month time.Time // the month it belongs to; an older one counts as nothing
	Bytes int64
}

// Budget is the gate. It is safe for concurrent use.
type Budget struct {
	now    func() time.Time
	counts counters
	drain  drain
	sent   atomic.Int64 // not yet in month
	owed   atomic.Int64 // leased bytes that open Writers still have to send

	mu     sync.Mutex
	line   *Line
	bucket bucket
	month  month
	rate   int64 // as set
	timer  *time.Timer
	busy   bool      // the line has not been empty since the last ticket left
	paced  time.Time // when the bucket's rate was last worked out
	short  shortage
	beside float64     // bytes that may still leave beside the gate and hold it up
	open   atomic.Bool // no limit holds: Take returns at once
}

// New returns a gate.
func New(cfg Config) *Budget {
	b := &Budget{now: cfg.Now, line: NewLine()}
	if b.now == nil {
		b.now = time.Now
	}
	now := b.now()
	b.month = month{first: monthOf(now)}
	if monthOf(cfg.Used.Month).Equal(b.month.first) {
		b.month.used = cfg.Used.Bytes
	}
	b.counts.start(now)
	b.Set(cfg.Rate, cfg.Month)
	return b
}

// Set changes the limits at run time; 0 means no limit.
func (b *Budget) Set(rate, month int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate, b.month.limit = max(rate, 0), max(month, 0)
	b.pace(b.now())
	b.beside = b.besideMost()
	b.serve()
}

// Take waits until n bytes may leave. It fails only when ctx ends. Parts should be small
// (16 KiB): who is more urgent waits behind the whole of one.
func (b *Budget) Take(ctx context.Context, c Claim, n int) error {
	if n <= 0 {
		return ctx.Err()
	}
	if b.open.Load() {
		b.count(c.Way, n)
		return ctx.Err()
	}
	b.mu.Lock()
	t := b.line.Push(b.now(), c, n)
	t.ready = make(chan struct{})
	b.serve()
	b.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		return b.abandon(t, ctx.Err())
	}
}

// abandon takes t out of the line, unless it was served in the same moment.
func (b *Budget) abandon(t *Ticket, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	default:
	}
	b.line.Leave(t)
	return err
}

// serve lets out who may go now and sets the timer for the next. It holds mu.
func (b *Budget) serve() {
	now := b.now()
	if now.Sub(b.paced) > paceEvery {
		b.pace(now)
	}
	for {
		wait := b.bucket.wait(now)
		if wait > 0 && b.line.Waiting() {
			b.wake(wait)
			break
		}
		t := b.line.Pop(now)
		if t == nil {
			b.busy = false
			break
		}
		b.bucket.spend(now, t.Bytes, b.busy)
		b.beside = min(b.besideMost(), b.beside+float64(t.Bytes))
		b.short.see(now, t)
		b.busy = true
		b.count(t.Claim.Way, t.Bytes)
		close(t.ready)
	}
}

// besideFor is how long a burst of bytes beside the gate may hold it up.
const besideFor = 2 * time.Second

func (b *Budget) besideMost() float64 { return b.bucket.rate * besideFor.Seconds() }

// Beside tells of n bytes that left without asking: the player's scripts. They never wait,
// but media makes room for them on the line, since nobody can watch before they are there;
// only as many of them as bytes of media leave, else whoever loads scripts without end could
// end all films.
func (b *Budget) Beside(n int) {
	if b.open.Load() || n <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	part := min(float64(n), b.beside)
	b.beside -= part
	b.bucket.spend(b.now(), int(part), b.busy)
}

// wake has serve run again after d.
func (b *Budget) wake(d time.Duration) {
	if b.timer == nil {
		b.timer = time.AfterFunc(d, b.alarm)
		return
	}
	b.timer.Reset(d)
}

func (b *Budget) alarm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve()
}

const paceEvery = time.Second

// pace works out the rate from the setting and the month. It holds mu.
func (b *Budget) pace(now time.Time) {
	b.paced = now
	b.month.add(now, b.sent.Swap(0))
	rate := float64(b.rate)
	if soft := b.month.rate(now); soft > 0 && (rate == 0 || soft < rate) {
		rate = soft
	}
	b.bucket.set(now, rate)
	b.open.Store(rate == 0 && b.month.limit == 0)
}

// count books n bytes that leave.
func (b *Budget) count(way Way, n int) {
	b.counts.add(way, int64(n))
	b.sent.Add(int64(n))
}

// Queue is how long the leased bytes that open Writers still have to send need.
func (b *Budget) Queue() time.Duration {
	return time.Duration(float64(b.owed.Load()) / b.Drain() * float64(time.Second))
}

// Drain is the rate at which bytes leave while somebody waits, in bytes a second: what the
// sockets were seen to take, and no more than the set rate.
func (b *Budget) Drain() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drained()
}

func (b *Budget) drained() float64 {
	measured := b.drain.rate()
	switch rate := b.bucket.rate; {
	case rate > 0 && measured > 0:
		return min(rate, measured)
	case rate > 0:
		return rate
	case measured > 0:
		return measured
	}
	return drainFirst
}

// Short says that players had to wait for the line in the last seconds, or that the month is
// in its last tenth: new viewers should start on a lower rendition.
func (b *Budget) Short() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue := float64(b.owed.Load()) / b.drained()
	return b.month.soft() || b.short.is(b.now()) || queue > shortQueue.Seconds()
}

// Recall tells of what the database has for a month. A machine without a clock of its own may
// have started in another month than it is.
func (b *Budget) Recall(u Used) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.month.add(b.now(), b.sent.Swap(0))
	b.month.recall(u)
}

// Soft says that the last tenth of the month has begun and is being stretched to its end.
func (b *Budget) Soft() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pace(b.now())
	return b.month.soft()
}

// Limited says whether a rate or a month is set: if not, bytes need not pass the gate.
func (b *Budget) Limited() bool { return !b.open.Load() }

// Counts returns what has left.
func (b *Budget) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.month.add(now, b.sent.Swap(0))
	counts := b.counts.read(now)
	counts.Month = Used{Month: b.month.first, Bytes: b.month.used}
	return counts
}
