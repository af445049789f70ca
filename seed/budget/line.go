package budget

import (
	"container/heap"
	"time"
)

// The order at the gate. Starts go first, oldest first. Then leases by deadline, with the
// plain players between them as if each always needed its bytes in plainSlack. Bulk takes
// what is left. So that nobody waits for ever, leases, plain and bulk are owed a share of all
// bytes while they wait: leases the most, since starts are fed by first copies.
const (
	plainSlack = 3 * time.Second
	leasedOwed = 1.0 / 2
	plainOwed  = 1.0 / 10
	bulkOwed   = 1.0 / 20
	owedMost   = 256 << 10 // a class does not save up its share
	guardRate  = 1.2       // of the media's rate, for a plain player after its start
	guardBurst = 8 * time.Second
)

// Line is the waiting line: pure order, no clock, no lock. The simulation runs it as the
// Budget does.
type Line struct {
	timed [2]tickets       // Start and Leased, by deadline
	fair  [2]rounds        // Plain and Bulk, in turns
	owed  [Classes]float64 // bytes that a class is behind its share
	tick  uint64
}

// Ticket is one place in the line.
type Ticket struct {
	Claim    Claim
	Bytes    int
	since    time.Time // when it could have gone, had the line been free
	deadline time.Time
	number   uint64 // keeps equal deadlines in the order of their coming
	index    int    // in its heap, or -1
	left     bool   // the owner went away
	ready    chan struct{}
}

// NewLine returns an empty line.
func NewLine() *Line {
	return &Line{fair: [2]rounds{newRounds(guardRate), newRounds(0)}}
}

// Push joins the line.
func (l *Line) Push(now time.Time, c Claim, n int) *Ticket {
	l.tick++
	t := &Ticket{Claim: c, Bytes: n, since: now, deadline: now.Add(c.Slack), number: l.tick, index: -1}
	switch c.Class {
	case Start, Leased:
		heap.Push(&l.timed[c.Class], t)
	case Plain:
		l.fair[0].push(now, t)
	default:
		l.fair[1].push(now, t)
	}
	return t
}

// Waiting says whether anybody is in the line.
func (l *Line) Waiting() bool {
	return len(l.timed[Start])+len(l.timed[Leased]) > 0 || l.fair[0].waiting() || l.fair[1].waiting()
}

// Pop takes out who is next, or nil when nobody waits. Players whom the guard holds back go
// when nobody else wants to: held to their rate on an idle line, they would never find out
// that a better rendition fits.
func (l *Line) Pop(now time.Time) *Ticket {
	plain, bulk := l.fair[0].peek(now), l.fair[1].peek(now)
	t := l.choose(now, plain, bulk)
	if t == nil {
		t = l.fair[0].release()
	}
	if t == nil {
		return nil
	}
	switch t.Claim.Class {
	case Start, Leased:
		heap.Remove(&l.timed[t.Claim.Class], t.index)
	case Plain:
		l.fair[0].take(now, t)
	default:
		l.fair[1].take(now, t)
	}
	l.settle(t, plain != nil, bulk != nil)
	return t
}

func (l *Line) choose(now time.Time, plain, bulk *Ticket) *Ticket {
	start, leased := l.timed[Start].first(), l.timed[Leased].first()
	switch {
	case plain != nil && l.owed[Plain] >= float64(plain.Bytes):
		return plain
	case bulk != nil && l.owed[Bulk] >= float64(bulk.Bytes):
		return bulk
	case leased != nil && l.owed[Leased] >= float64(leased.Bytes):
		return leased
	case start != nil:
		return start
	case leased != nil && (plain == nil || leased.deadline.Sub(now) < plainSlack):
		return leased
	case plain != nil:
		return plain
	}
	return bulk
}

// settle credits the classes that waited while t went.
func (l *Line) settle(t *Ticket, plain, bulk bool) {
	n := float64(t.Bytes)
	leased := len(l.timed[Leased]) > 0 || t.Claim.Class == Leased
	l.owed[Leased] = owe(l.owed[Leased], n, leasedOwed, leased, t.Claim.Class == Leased)
	l.owed[Plain] = owe(l.owed[Plain], n, plainOwed, plain, t.Claim.Class == Plain)
	l.owed[Bulk] = owe(l.owed[Bulk], n, bulkOwed, bulk, t.Claim.Class >= Bulk)
}

func owe(owed, n, share float64, waited, served bool) float64 {
	if !waited {
		return 0
	}
	owed += n * share
	if served {
		owed -= n
	}
	return min(max(owed, 0), owedMost)
}

// Leave takes t out when its owner no longer waits.
func (l *Line) Leave(t *Ticket) {
	if t.index >= 0 {
		heap.Remove(&l.timed[t.Claim.Class], t.index)
		return
	}
	t.left = true
}

// tickets is a heap by deadline.
type tickets []*Ticket

func (h tickets) Len() int { return len(h) }
func (h tickets) Less(i, j int) bool {
	if !h[i].deadline.Equal(h[j].deadline) {
		return h[i].deadline.Before(h[j].deadline)
	}
	return h[i].number < h[j].number
}
func (h tickets) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for container/heap.
func (h *tickets) Push(x any) {
	t := x.(*Ticket)
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop is for container/heap.
func (h *tickets) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}

func (h tickets) first() *Ticket {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}
