package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/swarm"
)

// Client is the client's rules of docs/sharing.md, in numbers.
type Client struct {
	Window      float64 // seconds that it looks ahead
	InOrder     float64 // nearer than this, nearest first; beyond, rarest first
	PerPeer     int     // pieces asked of one peer at a time; twice that with fewer than four peers
	AtOnce      int
	FarPatience float64       // seconds that a far piece may need
	WishFrom    float64       // seconds of slack
	WishHard    float64       // below this, also for a piece that a peer has
	HTTPUntil   float64       // until P2P is up, it fetches what must come within this many seconds more than it takes
	Slots       int           // transfers that it serves at a time
	GiveMost    float64       // of the film's rate, that it gives on average; 0: all it can
	Steady      float64       // seconds of video it gathers when its first segment took more than a second
	SteadyFor   time.Duration // for so long at most
	Spare       float64       // seconds that it leaves to others meanwhile
}

// DefaultClient is the player's.
func DefaultClient() Client {
	return Client{Window: 60, InOrder: 12, PerPeer: 1, AtOnce: 10, FarPatience: 6, WishFrom: 3, WishHard: 2, HTTPUntil: 1.5, Slots: 4, GiveMost: 5, Steady: 4, SteadyFor: 5 * time.Second, Spare: 2}
}

const (
	hopeRate     = 250_000.0       // of a peer that has not delivered yet
	leastRate    = 2000.0          // of one that owes something and brings nothing
	disappointed = 3 * time.Second // the time in which it comes to that
)

// decide is one turn of a client.
func (v *viewer) decide() {
	switch {
	case v.w.s.Mode == MediaLoader && !v.plain:
		v.loader()
	case v.plain:
		v.ordinary(ahead)
	case !v.engaged && v.w.now < v.connectAt:
		v.ordinary(v.w.client.HTTPUntil + v.takes())
	case !v.engaged:
		v.ordinary(20)
	case len(v.links) == 0:
		v.ordinary(20)
	case v.w.s.Mode == Coordinated:
		v.pull(v.w.client.Window)
		v.wish()
	default:
		v.pull(30)
		v.rescue()
	}
}

// ordinary fetches segment after segment by HTTP, up to reach seconds ahead.
func (v *viewer) ordinary(reach float64) {
	if len(v.http) > 0 {
		return
	}
	for i := v.bufSeg; i < len(v.film.segs) && v.film.segs[i].start < v.pos+reach; i++ {
		if !v.whole(i) {
			v.fetch(v.missing(v.film.segs[i].from, v.film.segs[i].to))
			return
		}
	}
}

// takes is how long the next segment needs by HTTP at the viewer's own speed.
func (v *viewer) takes() float64 {
	if v.bufSeg >= len(v.film.segs) {
		return 0
	}
	return float64(v.film.media.Segments[v.bufSeg].Size) / v.down
}

func (v *viewer) missing(from, to int) (units []int) {
	for u := from; u <= to; u++ {
		if _, h := v.incoming(u); !v.has(u) && h == nil {
			units = append(units, u)
		}
	}
	return units
}

// fetch asks the origin for units; the coordinator says what the request may claim.
func (v *viewer) fetch(units []int) {
	if len(units) == 0 {
		return
	}
	h := &flow{v: v, film: v.film, units: units, class: budget.Plain}
	m := v.film.media
	first, last := int64(units[0]), int64(units[len(units)-1])
	h.asked = [2]int64{first * m.PieceLength, min(m.Size, (last+1)*m.PieceLength)}
	if v.w.s.Mode == Coordinated && !v.plain {
		slack, right := v.w.coord.Lease(v.w.clock(), v.film.hash, v.peer, h.asked[0], h.asked[1])
		h.slack = slack
		switch right {
		case swarm.Granted:
			h.class, h.lease = budget.Leased, true
		case swarm.Start:
			h.class = budget.Start
		}
	}
	v.w.origin.request(h)
}

// granted fetches what the origin gave leave for: only the bytes that are missing.
func (v *viewer) granted(pieces []int) {
	for _, u := range pieces {
		x, h := v.incoming(u)
		if v.has(u) || h != nil {
			continue // it says so with its next report
		}
		if x != nil {
			v.w.drop(x)
		}
		v.fetch([]int{u})
	}
	v.wishes = slices.DeleteFunc(v.wishes, func(u int) bool { return slices.Contains(pieces, u) })
}

// report tells the server where it is.
func (v *viewer) report() {
	r := swarm.Report{Position: v.pos, Rate: 1, Connected: len(v.links), Have: v.have, Wishes: v.wishes, Received: maps.Clone(v.heard)}
	r.Paused = v.pauseAt > 0 && v.w.now >= v.pauseAt && v.w.now < v.pauseAt+20*time.Second || !v.started
	r.Standing = !r.Paused && v.bufSeg < len(v.film.segs) && v.film.segs[v.bufSeg].start <= v.pos+1e-9
	for _, x := range v.in {
		r.Fetching = append(r.Fetching, x.unit)
	}
	for _, h := range v.http {
		if h.film == v.film {
			r.Fetching = append(r.Fetching, h.units...)
		}
	}
	clear(v.heard)
	v.w.coord.Report(v.w.clock(), v.film.hash, v.peer, r)
}

// pull asks peers for pieces.
func (v *viewer) pull(reach float64) {
	if len(v.in) >= v.w.client.AtOnce {
		return
	}
	var far []choice
	f := v.film
	busy := v.underway()
	next := 0
	for i := v.bufSeg; i < len(f.segs) && f.segs[i].start < v.pos+reach; i++ {
		slack := max(0, f.segs[i].start-v.pos)
		for u := max(f.segs[i].from, next); u <= f.segs[i].to; u++ {
			if v.has(u) || slices.Contains(busy, u) {
				continue
			}
			if slack < v.w.client.InOrder {
				v.ask(u, slack)
			} else if n := v.holders(u); n > 0 {
				far = append(far, choice{u, slack, float64(n) + 0.9*v.w.rng.Float64()})
			}
			if len(v.in) >= v.w.client.AtOnce {
				return
			}
		}
		next = f.segs[i].to + 1
	}
	slices.SortFunc(far, func(a, b choice) int {
		if a.rarity < b.rarity {
			return -1
		}
		return 1
	})
	for _, c := range far {
		if len(v.in) >= v.w.client.AtOnce {
			return
		}
		v.ask(c.unit, c.slack)
	}
}

type choice struct {
	unit   int
	slack  float64
	rarity float64
}

// underway lists what is coming, except in an HTTP answer that has not begun though it was
// asked for a while ago.
func (v *viewer) underway() (units []int) {
	for _, x := range v.in {
		units = append(units, x.unit)
	}
	for _, h := range v.http {
		if h.sent > 0 || h.lease || v.w.now < h.ready+200*time.Millisecond {
			units = append(units, h.units...)
		}
	}
	return units
}

func (v *viewer) holders(u int) (n int) {
	for _, l := range v.links {
		if l.peer.offers(v.film, u) {
			n++
		}
	}
	return n
}

func (v *viewer) offers(f *film, u int) bool {
	if f == v.film {
		return v.has(u)
	}
	s := v.kept[f]
	return s != nil && s.has(u)
}

// ask starts a transfer from the peer that will be done first.
func (v *viewer) ask(u int, slack float64) {
	var best *link
	least, most := 0.0, v.w.client.PerPeer
	if len(v.links) < 4 {
		most *= 2
	}
	for _, l := range v.links {
		if l.queue >= most || l.peer.up <= 0 || !l.peer.offers(v.film, u) {
			continue
		}
		cost := float64(l.queue+1) * float64(v.film.sizes[u]) / l.speed()
		if l.peer.mirror && slack > v.w.client.InOrder {
			cost += v.w.client.FarPatience / 2 // peers before the mirror, or it pays for everybody
		}
		if slack >= v.w.client.InOrder && cost > v.w.client.FarPatience {
			continue
		}
		if best == nil || cost < least {
			best, least = l, cost
		}
	}
	if best == nil {
		return
	}
	best.queue++
	x := &xfer{from: best.peer, to: v, film: v.film, link: best, unit: u, ready: v.w.now + peerLatency, weight: 0.5 + v.w.rng.Float64()}
	v.in = append(v.in, x)
	best.peer.out = append(best.peer.out, x)
}

func (l *link) speed() float64 {
	if l.rate == 0 {
		return hopeRate
	}
	return max(l.rate, 1000)
}

// serve shares v's uplink among the transfers that it serves now.
func (w *world) serve(v *viewer, dt float64) {
	v.earn(dt)
	var ready []*xfer
	for _, x := range v.out {
		if w.now >= x.ready {
			ready = append(ready, x)
		}
	}
	if len(ready) > w.client.Slots && w.s.Mode != MediaLoader {
		slices.SortFunc(ready, func(a, b *xfer) int {
			if sa, sb := a.to.slack(a.unit), b.to.slack(b.unit); sa != sb {
				if sa < sb {
					return -1
				}
				return 1
			}
			return a.to.id - b.to.id
		})
		ready = ready[:w.client.Slots]
	}
	sum := 0.0
	for _, x := range ready {
		sum += x.weight
	}
	for _, x := range ready {
		left := float64(x.film.sizes[x.unit]) - x.to.kept[x.film].part[x.unit]
		x.share = min(v.gives(dt)*x.weight/sum, left+1)
	}
}

// giveBurst is how many seconds of GiveMost a viewer may give at once.
const giveBurst = 10

// gives is how many bytes v may give in a step.
func (v *viewer) gives(dt float64) float64 {
	if v.w.client.GiveMost == 0 || v.mirror || v.w.s.Mode == MediaLoader {
		return v.up * dt
	}
	return min(v.up*dt, v.purse)
}

// earn adds what a step allows v to give.
func (v *viewer) earn(dt float64) {
	rate := v.w.client.GiveMost * float64(v.film.media.Size) / v.film.length()
	v.purse = min(rate*giveBurst, v.purse+rate*dt)
}

// wish tells the server which pieces will not come in time.
func (v *viewer) wish() {
	v.wishes = v.wishes[:0]
	f := v.film
	for i := v.bufSeg; i < len(f.segs) && f.segs[i].start+v.spare() < v.pos+v.w.client.WishFrom; i++ {
		slack := max(0, f.segs[i].start-v.pos) + v.spare()
		for u := f.segs[i].from; u <= f.segs[i].to && len(v.wishes) < 4; u++ {
			if v.has(u) || slices.Contains(v.wishes, u) || v.comes(u, slack) {
				continue
			}
			v.wishes = append(v.wishes, u)
		}
	}
}

// comes says whether u will come in time, or, while there is time, whether a peer has it or is
// fetching it.
func (v *viewer) comes(u int, slack float64) bool {
	x, h := v.incoming(u)
	if h != nil && (h.lease || h.sent > 0) {
		return true
	}
	if x != nil {
		rate := x.link.speed()
		if passed := (v.w.now - x.began).Seconds(); x.bytes > 0 && passed > 0.2 {
			rate = x.bytes / passed
		}
		eta := (float64(v.film.sizes[u]) - v.part[u]) / rate
		return eta <= slack-0.3
	}
	if slack <= v.w.client.WishHard {
		return false
	}
	for _, l := range v.links {
		if l.peer.offers(v.film, u) {
			return true
		}
		if _, h := l.peer.incoming(u); h != nil && l.peer.film == v.film {
			return true
		}
	}
	return false
}

// rescue is the uncoordinated mode's way to the origin.
func (v *viewer) rescue() {
	if len(v.http) >= 2 {
		return
	}
	f := v.film
	for i := v.bufSeg; i < len(f.segs) && f.segs[i].start < v.pos+6; i++ {
		slack := max(0, f.segs[i].start-v.pos)
		for u := f.segs[i].from; u <= f.segs[i].to; u++ {
			x, h := v.incoming(u)
			if v.has(u) || h != nil || v.comes(u, min(slack, 2)) {
				continue
			}
			if x != nil {
				v.w.drop(x)
			}
			v.fetch([]int{u})
			return
		}
	}
	chance := 0.1 / (2 * float64(max(len(v.links), 1)))
	if v.w.rng.Float64() >= chance {
		return
	}
	var rare []int
	for i := v.bufSeg; i < len(f.segs) && f.segs[i].start < v.pos+30; i++ {
		for u := f.segs[i].from; u <= f.segs[i].to; u++ {
			if !v.has(u) && v.holders(u) == 0 && !v.comes(u, 10) {
				rare = append(rare, u)
			}
		}
	}
	if len(rare) > 0 {
		v.fetch([]int{rare[v.w.rng.IntN(len(rare))]})
	}
}
