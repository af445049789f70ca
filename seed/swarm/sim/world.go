package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/swarm"
)

// world is everything at one moment.
type world struct {
	s       Scenario
	rng     *rand.Rand
	now     time.Duration
	steps   int
	films   []*film // the rendition, and one at half its rate
	viewers []*viewer
	here    []*viewer
	byPeer  map[swarm.Peer]*viewer
	apart   map[[2]int]bool // pairs that can't connect
	client  Client
	origin  *origin
	coord   *swarm.Coordinator
	grants  []swarm.Grant // on their way
	waste   float64
	moved   float64 // all bytes that reached anybody
	end     time.Duration
	tickNs  time.Duration
	ticks   int
	granted int
}

func newWorld(s Scenario) *world {
	if s.Step == 0 {
		s.Step = 50 * time.Millisecond
	}
	if s.PieceLength == 0 {
		s.PieceLength = 128 << 10
	}
	if s.ConnectMax == 0 {
		s.ConnectMin, s.ConnectMax = 1200*time.Millisecond, 2800*time.Millisecond
	}
	if s.Give == 0 {
		s.Give = 1
	}
	w := &world{s: s, rng: rand.New(rand.NewPCG(s.Seed, 7)), byPeer: map[swarm.Peer]*viewer{}, apart: map[[2]int]bool{}}
	w.films = []*film{newFilm("full", s, s.Rate, w.rng), newFilm("half", s, s.Rate/2, w.rng)}
	w.origin = &origin{w: w, rate: s.Origin, line: budget.NewLine(), byTick: map[*budget.Ticket]*flow{}}
	rules := swarm.DefaultRules()
	if s.Rules != nil {
		rules = *s.Rules
	}
	w.client = DefaultClient()
	if s.Client != nil {
		w.client = *s.Client
	}
	w.coord = swarm.NewWith(w.origin, rules)
	for i := range s.Viewers {
		w.viewers = append(w.viewers, w.draw(i))
	}
	for i, up := range s.Mirrors {
		w.viewers = append(w.viewers, w.mirror(s.Viewers+i, up))
	}
	for i := range s.Liars {
		w.viewers = append(w.viewers, w.liar(s.Viewers+len(s.Mirrors)+i))
	}
	last := s.Arrive(s.Viewers - 1)
	w.end = last + 5*s.Length + time.Minute
	return w
}

// draw makes viewer i. Every viewer has a source of its own, so that one mode's draws do not
// shift another's.
func (w *world) draw(i int) *viewer {
	rng := rand.New(rand.NewPCG(w.s.Seed, uint64(i)+1000))
	v := &viewer{id: i, w: w, peer: swarm.Peer(fmt.Sprintf("%040x", i+1)), kept: map[*film]*store{}, heard: map[swarm.Peer]int64{}}
	v.up = w.s.Uplink(rng) * w.s.Give
	v.down = (20 + 60*rng.Float64()) * mbit
	v.arrive = w.s.Arrive(i)
	spread := w.s.ConnectMax - w.s.ConnectMin
	v.connectAt = v.arrive + w.s.ConnectMin + time.Duration(rng.Float64()*float64(spread))
	v.plain = rng.Float64() < w.s.Plain || w.s.Mode == PlainHTTP
	which := 0
	if length := w.s.Length; w.s.Churn {
		at := func(x float64) time.Duration { return v.arrive + time.Duration(x*float64(length)) }
		if rng.Float64() < 0.5 {
			v.leave = at(rng.Float64())
		}
		if rng.Float64() < 0.2 {
			v.seekAt, v.seekTo = at(rng.Float64()*0.6), rng.Float64()*length.Seconds()*0.9
		}
		switch x := rng.Float64(); {
		case x < 0.1:
			which = 1
		case x < 0.2:
			v.switchAt = at(0.1 + 0.6*rng.Float64())
		}
		if rng.Float64() < 0.1 {
			v.pauseAt = at(0.05 + 0.6*rng.Float64())
		}
	}
	v.use(w.films[which])
	w.byPeer[v.peer] = v
	return v
}

func (w *world) mirror(i int, up float64) *viewer {
	v := &viewer{id: i, w: w, peer: swarm.Peer(fmt.Sprintf("%040x", i+1)), kept: map[*film]*store{}, mirror: true, up: up, down: up, heard: map[swarm.Peer]int64{}}
	for _, f := range w.films {
		v.use(f)
		for u := range f.sizes {
			v.set(u)
		}
		w.coord.Join(w.clock(), f.hash, f.media, v.peer, true, "")
	}
	v.use(w.films[0])
	v.engaged = true
	w.byPeer[v.peer] = v
	return v
}

func (w *world) clock() time.Time { return time.Unix(1_700_000_000, 0).Add(w.now) }

func (w *world) over() bool {
	if w.now > w.end {
		return true
	}
	for _, v := range w.viewers {
		if !v.guest() && !v.gone {
			return false
		}
	}
	return true
}

// step is one moment.
func (w *world) step() {
	dt := w.s.Step.Seconds()
	w.comeAndGo()
	for _, v := range w.here {
		v.room = v.down * dt
		w.fate(v)
	}
	if w.s.Mode == Coordinated {
		w.coordinate()
	}
	every := max(1, int(100*time.Millisecond/w.s.Step))
	for _, v := range w.here {
		if !v.guest() && !v.ended && (w.steps+v.id)%every == 0 {
			v.decide()
		}
	}
	w.origin.step(dt)
	w.carry(dt)
	for _, v := range w.here {
		if !v.guest() && !v.ended {
			v.play(w.now, dt)
		}
	}
	w.now += w.s.Step
	w.steps++
}

func (w *world) comeAndGo() {
	for _, v := range w.viewers {
		if !v.here && !v.gone && w.now >= v.arrive {
			v.here = true
			w.here = append(w.here, v)
			if w.s.Mode == Coordinated && !v.plain && !v.guest() {
				w.coord.Join(w.clock(), v.film.hash, v.film.media, v.peer, false, "")
			}
		}
	}
	w.here = slices.DeleteFunc(w.here, func(v *viewer) bool {
		if v.guest() || !(v.leave > 0 && w.now >= v.leave || v.ended && (v.plain || w.now >= v.endAt+lingers)) {
			return false
		}
		w.depart(v)
		return true
	})
}

func (w *world) depart(v *viewer) {
	v.gone, v.here = true, false
	for len(v.in) > 0 {
		w.drop(v.in[0])
	}
	for len(v.out) > 0 {
		w.drop(v.out[0])
	}
	for len(v.http) > 0 {
		w.finish(v.http[0], false)
	}
	for _, o := range w.here {
		o.links = slices.DeleteFunc(o.links, func(l *link) bool { return l.peer == v })
	}
	w.coord.Leave(w.clock(), "", v.peer)
}

// fate is what a viewer does on its own: connect, seek, switch.
func (w *world) fate(v *viewer) {
	if v.liar {
		w.disappoint(v)
	}
	if v.guest() || v.plain || v.ended {
		return
	}
	if !v.engaged && w.now >= v.connectAt && len(w.here) > 1 {
		v.engaged = true
		w.meet(v)
		v.topUp = w.now + 10*time.Second
	}
	if v.engaged && w.now >= v.topUp {
		v.topUp = w.now + 10*time.Second
		if len(v.links) < sought/2 || v.useful() < 3 && len(v.links) < accepted {
			w.meet(v)
		}
	}
	if v.seekAt > 0 && w.now >= v.seekAt && v.started {
		v.seekAt = 0
		w.move(v, v.film, v.seekTo)
	}
	if v.switchAt > 0 && w.now >= v.switchAt && v.started {
		v.switchAt = 0
		w.move(v, w.films[1], v.pos)
		w.meet(v)
	}
}

func (w *world) move(v *viewer, f *film, pos float64) {
	changed := f != v.film
	v.jump(f, pos)
	if w.s.Mode != Coordinated {
		return
	}
	if changed {
		w.coord.Join(w.clock(), f.hash, f.media, v.peer, false, "")
	}
	v.report()
}

// meet connects v to up to ten others, those of its rendition first.
func (w *world) meet(v *viewer) {
	others := w.candidates(v)
	want := sought
	if len(v.links) > 0 {
		want = len(v.links) + sought/2
	}
	for _, o := range others {
		if len(v.links) >= min(want, accepted) {
			return
		}
		if !o.mirror && len(o.links) >= accepted || v.knows(o) || w.unreachable(v, o) {
			continue
		}
		v.links = append(v.links, &link{peer: o})
		o.links = append(o.links, &link{peer: v})
	}
}

// candidates is whom the tracker offers: of the coordinator's choice, or at random.
func (w *world) candidates(v *viewer) (others []*viewer) {
	if w.s.Mode == Coordinated && !w.s.RandomPartners {
		for _, o := range w.here {
			if o.mirror {
				others = append(others, o)
			}
		}
		if !v.started {
			v.report()
		}
		for _, p := range w.coord.Partners(w.clock(), v.film.hash, v.peer, 2*sought) {
			others = append(others, w.byPeer[p])
		}
		return others
	}
	for _, o := range w.here {
		if o != v && o.engaged && !o.plain && (o.mirror || o.kept[v.film] != nil) {
			others = append(others, o)
		}
	}
	w.rng.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	slices.SortStableFunc(others, func(a, b *viewer) int { return rank(a, v) - rank(b, v) })
	return others
}

func rank(o, v *viewer) int {
	switch {
	case o.mirror:
		return 0
	case o.film == v.film:
		return 1
	}
	return 2
}

// useful counts the neighbours that have something of what comes next.
func (v *viewer) useful() (n int) {
	if v.bufSeg >= len(v.film.segs) {
		return accepted
	}
	next := v.film.segs[min(v.bufSeg+4, len(v.film.segs)-1)]
	for _, l := range v.links {
		if l.peer.up > 0 && (l.peer.offers(v.film, next.from) || l.peer.offers(v.film, next.to)) {
			n++
		}
	}
	return n
}

func (v *viewer) knows(o *viewer) bool {
	return slices.ContainsFunc(v.links, func(l *link) bool { return l.peer == o })
}

func (w *world) unreachable(a, b *viewer) bool {
	if a.mirror || b.mirror || w.s.AllConnect {
		return false
	}
	pair := [2]int{min(a.id, b.id), max(a.id, b.id)}
	if no, known := w.apart[pair]; known {
		return no
	}
	no := w.rng.Float64() < unreachable
	w.apart[pair] = no
	return no
}

// coordinate runs the server's side every 100 ms, and hands out the grants of the last time.
func (w *world) coordinate() {
	every := max(1, int(100*time.Millisecond/w.s.Step))
	reports := max(1, int(500*time.Millisecond/w.s.Step))
	for _, v := range w.here {
		if v.engaged && !v.mirror && !v.ended && (w.steps+v.id)%reports == 0 {
			v.report()
		}
	}
	if w.steps%every != 0 {
		return
	}
	for _, g := range w.grants {
		if v := w.byPeer[g.Peer]; v.here && v.film.hash == g.Hash {
			v.granted(g.Pieces)
		}
	}
	began := time.Now()
	w.grants = w.coord.Tick(w.clock())
	w.tickNs += time.Since(began)
	w.ticks++
	for _, g := range w.grants {
		w.granted += len(g.Pieces)
	}
}

// carry moves what is between viewers. A source's uplink is shared by the transfers it serves
// with random weights; a receiver takes what its downlink has left.
func (w *world) carry(dt float64) {
	for _, v := range w.here {
		if !v.liar {
			w.serve(v, dt)
		}
	}
	for _, v := range w.here {
		sum := 0.0
		for _, x := range v.in {
			sum += x.share
		}
		if sum > v.room && sum > 0 {
			for _, x := range v.in {
				x.share *= max(0, v.room) / sum
			}
		}
	}
	for _, v := range w.here {
		for i := len(v.in) - 1; i >= 0; i-- {
			if i < len(v.in) {
				w.arriving(v.in[i])
			}
		}
	}
}

func (w *world) arriving(x *xfer) {
	n := x.share
	x.share = 0
	if n <= 0 {
		return
	}
	if x.bytes == 0 {
		x.began = w.now
	}
	x.bytes += n
	x.from.gaveAll += n
	x.from.purse -= n
	x.to.heard[x.from.peer] += int64(n)
	if x.from.mirror {
		w.moved += n
	}
	took := x.to.add(x.unit, n) // may drop x
	w.waste += max(0, n-took-1)
}

// drop ends a transfer; a tenth of a second of its rate is lost when it was running.
func (w *world) drop(x *xfer) {
	x.to.in = without(x.to.in, x)
	x.from.out = without(x.from.out, x)
	x.link.queue--
	passed := (w.now - x.began).Seconds()
	if x.bytes > 0 && passed > 0 {
		rate := x.bytes / max(passed, 0.05)
		if x.link.rate == 0 {
			x.link.rate = rate
		}
		x.link.rate += 0.3 * (rate - x.link.rate)
		if x.to.film == x.film && !x.to.has(x.unit) {
			w.waste += 0.1 * rate
		}
	}
}

func without(list []*xfer, x *xfer) []*xfer {
	i := slices.Index(list, x)
	list[i] = list[len(list)-1]
	list[len(list)-1] = nil
	return list[:len(list)-1]
}

// finish ends an HTTP answer.
func (w *world) finish(h *flow, whole bool) {
	w.origin.leave(h)
	if w.s.Mode != Coordinated {
		return
	}
	if h.v.plain || !whole {
		w.coord.Sent(w.clock(), h.film.hash, h.asked[0], h.asked[0]+int64(h.sent))
	}
	if !h.v.plain {
		w.coord.Done(w.clock(), h.film.hash, h.v.peer, h.asked[0], h.asked[1], whole)
	}
}

func (w *world) result() Result {
	size := float64(w.films[0].media.Size)
	rate := size / w.films[0].length()
	r := Result{OriginX: w.origin.sent / size, StartX: w.origin.starts / size, Ticks: w.ticks, GrantCount: w.granted}
	counts := w.coord.Counts()
	r.FirstX, r.CopyX, r.WishX = float64(counts.First)/size, float64(counts.Copies)/size, float64(counts.Wishes)/size
	stall, played, given := 0.0, 0.0, 0.0
	var starts, ups []float64
	for _, v := range w.viewers {
		if v.mirror {
			r.MirrorX += v.gaveAll / size
		}
		if v.guest() {
			continue
		}
		stall += v.stall
		played += v.played
		given += v.gaveAll
		if v.started {
			starts = append(starts, v.startedIn)
		} else if v.gone || v.here {
			starts = append(starts, (min(w.now, max(v.leave, v.arrive)) - v.arrive).Seconds())
		}
		if v.ended || v.gone {
			r.Ended++
		}
		if v.played > 0 {
			ups = append(ups, v.gaveAll/(v.played*rate))
		}
	}
	r.Stalls = stall / max(played/60, 1e-9)
	r.StartP50, r.StartP95 = quantile(starts, 0.5), quantile(starts, 0.95)
	r.UpP50, r.UpP95 = quantile(ups, 0.5), quantile(ups, 0.95)
	r.PlayedX = played * rate / size
	r.Waste = w.waste / max(w.origin.sent+given, 1)
	if w.ticks > 0 {
		r.TickNs = float64(w.tickNs.Nanoseconds()) / float64(w.ticks)
	}
	return r
}

func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	return xs[int(q*float64(len(xs)-1)+0.5)]
}
