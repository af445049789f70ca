package sim

import (
	"time"

	"github.com/tubelet/tubelet/seed/swarm"
)

// viewer is one player, or a mirror.
type viewer struct {
	id       int
	peer     swarm.Peer
	w        *world
	mirror   bool
	liar     bool
	plain    bool // has P2P off
	up, down float64
	film     *film
	kept     map[*film]*store // of every rendition that it fetched of
	*store

	arrive, leave time.Duration // leave 0: at the end
	connectAt     time.Duration
	seekAt        time.Duration // 0: never
	seekTo        float64
	pauseAt       time.Duration
	switchAt      time.Duration
	here, engaged bool // has come and not gone; has P2P up
	gone          bool
	ended         bool
	endAt         time.Duration

	pos        float64
	gatherFrom time.Duration // when its first segment was whole, 0 before
	started    bool
	startedIn  float64 // seconds
	stall      float64
	played     float64
	bufSeg     int // first segment from pos on that is not whole

	links   []*link
	in, out []*xfer
	http    []*flow
	room    float64 // what the downlink takes in this step
	wishes  []int
	heard   map[swarm.Peer]int64
	gaveAll float64
	purse   float64       // bytes that it may give now
	nextTry time.Duration // p2p-media-loader's random fetch
	topUp   time.Duration
}

// store is what a viewer has of a film, in the form in which it tells others.
type store struct {
	have  []byte
	part  []float64 // bytes of units that are not whole
	count int
}

// link is a connection as its receiver sees it.
type link struct {
	peer  *viewer
	rate  float64
	queue int
}

// xfer is a unit on its way between viewers.
type xfer struct {
	from, to *viewer
	film     *film
	link     *link
	unit     int
	ready    time.Duration
	began    time.Duration
	weight   float64
	bytes    float64
	share    float64 // of this step
}

func newStore(f *film) *store {
	return &store{have: make([]byte, (len(f.sizes)+7)/8), part: make([]float64, len(f.sizes))}
}

func (s *store) has(u int) bool { return s.have[u>>3]&(0x80>>(u&7)) != 0 }

func (s *store) set(u int) {
	if !s.has(u) {
		s.have[u>>3] |= 0x80 >> (u & 7)
		s.count++
	}
}

// use makes f what the viewer fetches.
func (v *viewer) use(f *film) {
	if v.kept[f] == nil {
		v.kept[f] = newStore(f)
	}
	v.film, v.store = f, v.kept[f]
}

// add puts n bytes of u in and reports how many were not there yet.
func (v *viewer) add(u int, n float64) float64 {
	if v.has(u) {
		return 0
	}
	size := float64(v.film.sizes[u])
	n = min(n, size-v.part[u])
	v.part[u] += n
	if v.part[u] >= size-0.5 {
		v.set(u)
		v.completed(u)
	}
	return n
}

// completed stops what still brings u.
func (v *viewer) completed(u int) {
	for i := len(v.in) - 1; i >= 0; i-- {
		if v.in[i].unit == u && v.in[i].film == v.film {
			v.w.drop(v.in[i])
		}
	}
	for i := len(v.http) - 1; i >= 0; i-- {
		if v.http[i].trim() {
			v.w.finish(v.http[i], true)
		}
	}
}

// whole says whether segment i has come.
func (v *viewer) whole(i int) bool {
	for u := v.film.segs[i].from; u <= v.film.segs[i].to; u++ {
		if !v.has(u) {
			return false
		}
	}
	return true
}

// play moves the play head. The player appends whole segments only.
func (v *viewer) play(now time.Duration, dt float64) {
	f := v.film
	for v.bufSeg < len(f.segs) && v.whole(v.bufSeg) {
		v.bufSeg++
	}
	until := f.length()
	if v.bufSeg < len(f.segs) {
		until = f.segs[v.bufSeg].start
	}
	if !v.started {
		if until > v.pos && v.ready(now, until-v.pos, until >= f.length()) {
			v.started = true
			v.startedIn = (now - v.arrive).Seconds()
		}
		return
	}
	if v.pauseAt > 0 && now >= v.pauseAt && now < v.pauseAt+20*time.Second {
		return
	}
	step := min(dt, max(0, until-v.pos))
	v.pos += step
	v.played += step
	if v.pos >= f.length()-1e-9 {
		v.ended, v.endAt = true, now
		return
	}
	v.stall += dt - step
}

// ready says whether a viewer begins to play. One whose first segment came slowly gathers more
// of the film before it does, for a while; one in a crowd on a fast line, or alone, does not.
func (v *viewer) ready(now time.Duration, ahead float64, end bool) bool {
	if v.gatherFrom == 0 {
		v.gatherFrom = now
	}
	c := v.w.client
	slow := v.w.s.Mode == Coordinated && !v.plain && len(v.w.here) > 1 && v.gatherFrom-v.arrive > time.Second
	return !slow || end || ahead >= c.Steady || now-v.gatherFrom > c.SteadyFor
}

// spare is the time that a viewer who gathers leaves to others before it wishes.
func (v *viewer) spare() float64 {
	if v.started || v.gatherFrom == 0 {
		return 0
	}
	return v.w.client.Spare
}

// jump starts anew at pos, perhaps in another film.
func (v *viewer) jump(f *film, pos float64) {
	for len(v.in) > 0 {
		v.w.drop(v.in[0])
	}
	for len(v.http) > 0 {
		v.w.finish(v.http[0], false)
	}
	v.use(f)
	v.pos = pos
	v.bufSeg = f.at(pos)
	v.wishes = v.wishes[:0]
}

// incoming says whether u is on its way, and how.
func (v *viewer) incoming(u int) (x *xfer, h *flow) {
	for _, t := range v.in {
		if t.unit == u && t.film == v.film {
			x = t
		}
	}
	for _, t := range v.http {
		if t.film == v.film && t.covers(u) {
			h = t
		}
	}
	return x, h
}

// slack is how many seconds remain until u is needed. A unit shared by two segments of which
// the first is past is needed for the second.
func (v *viewer) slack(u int) float64 { return max(0, v.film.needs[u]-v.pos) }
