package swarm

import (
	"math"
	"time"
)

// A swarm is poor when it can't feed itself: its viewers' uplinks and the line together are
// less than it plays. No schedule helps then, only a lower rendition. It shows in viewers
// whose next second is not there long after they began.
const (
	poorNext  = 1.0              // seconds that a fed viewer has at least
	poorAfter = 10 * time.Second // after joining
	poorPart  = 1.0 / 3          // of the viewers
	poorFade  = 5.0              // seconds over which it is averaged
)

// Poor says whether the viewers of a rendition should be told to choose a lower one.
func (c *Coordinator) Poor(now time.Time, hash string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[hash]
	if r == nil {
		return false
	}
	if passed := now.Sub(r.poorAt).Seconds(); passed >= 1 {
		r.poor += (r.starving(now) - r.poor) * (1 - math.Exp(-min(passed, 2)/poorFade))
		r.poorAt = now
	}
	return r.poor > poorPart
}

// starving is the part of the settled viewers that lack what they play within poorNext.
func (r *room) starving(now time.Time) float64 {
	settled, lacking := 0, 0
	for _, v := range r.viewers {
		if !v.wants(now) || v.paused || now.Sub(v.joined) < poorAfter {
			continue
		}
		settled++
		i := r.x.at(v.position(now) + poorNext)
		if i == len(r.x.segs) {
			continue
		}
		found := false
		v.held.missing(r.x.segs[i].from, r.x.segs[i].to, func(int) { found = true })
		if found {
			lacking++
		}
	}
	if settled < 2 {
		return 0
	}
	return float64(lacking) / float64(settled)
}
