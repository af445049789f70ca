package sim

import "time"

// p2p-media-loader 2.3.1 as its source reads: units are segments.
const (
	highDemand = 15.0 // seconds: HTTP first
	loaderHTTP = 2
	loaderP2P  = 3
	farWindow  = 3000.0
)

// loader is one turn of p2p-media-loader.
func (v *viewer) loader() {
	for u := v.bufSeg; u < len(v.film.segs) && v.film.segs[u].start < v.pos+farWindow; u++ {
		if v.has(u) {
			continue
		}
		x, h := v.incoming(u)
		switch {
		case h != nil:
		case v.film.segs[u].start < v.pos+highDemand && len(v.http) < loaderHTTP:
			if x != nil {
				v.w.drop(x)
			}
			v.fetch([]int{u})
		case x == nil && len(v.in) < loaderP2P:
			v.askOne(u)
		case x == nil && v.film.segs[u].start >= v.pos+highDemand:
			u = len(v.film.segs) // nothing more can start
		}
	}
	if v.nextTry == 0 {
		v.nextTry = v.w.now + v.tryIn()
	}
	if v.w.now >= v.nextTry {
		v.nextTry = v.w.now + v.tryIn()
		v.lucky()
	}
}

// tryIn is a second and a random part per peer.
func (v *viewer) tryIn() time.Duration {
	return time.Duration((1 + v.w.rng.Float64()*float64(len(v.links))) * float64(time.Second))
}

// lucky fetches a random segment that nobody has or fetches.
func (v *viewer) lucky() {
	if !v.engaged || len(v.links) == 0 || len(v.http) >= loaderHTTP {
		return
	}
	var free []int
	for u := v.bufSeg; u < len(v.film.segs); u++ {
		x, h := v.incoming(u)
		if v.has(u) || x != nil || h != nil || v.anyFetching(u) {
			continue
		}
		free = append(free, u)
	}
	if len(free) > 0 {
		v.fetch([]int{free[v.w.rng.IntN(len(free))]})
	}
}

func (v *viewer) anyFetching(u int) bool {
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

// askOne takes a segment from the fastest peer that is idle for us.
func (v *viewer) askOne(u int) {
	var best *link
	for _, l := range v.links {
		if l.queue > 0 || l.peer.up <= 0 || !l.peer.offers(v.film, u) {
			continue
		}
		if best == nil || l.speed() > best.speed() {
			best = l
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
