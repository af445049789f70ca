package swarm

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/bits"
	"slices"
	"time"
)

// maxPartners is how many connections a viewer keeps before it is no longer offered to others.
const maxPartners = 30

// partnerSample bounds the work for one viewer of a crowd.
const partnerSample = 256

// Partners names up to n viewers that p should meet, best first: alternately one drawn by
// what it holds of what p will play soon and can give, and one at random, so that the swarm
// hangs together. Mirrors are the tracker's to add.
func (c *Coordinator) Partners(now time.Time, hash string, p Peer, n int) []Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.viewer(hash, p)
	if v == nil || n <= 0 {
		return nil
	}
	others := v.room.others(now, v)
	slices.SortFunc(others, func(a, b partner) int { return cmp.Compare(b.use, a.use) })
	useful := slices.Clone(others)
	slices.SortFunc(others, func(a, b partner) int { return cmp.Compare(a.chance, b.chance) })
	var chosen []Peer
	for i := range others {
		for _, o := range [2]partner{useful[i], others[i]} {
			if len(chosen) < n && !slices.Contains(chosen, o.id) {
				chosen = append(chosen, o.id)
			}
		}
		if len(chosen) == n {
			break
		}
	}
	return chosen
}

// partner is a candidate.
type partner struct {
	id     Peer
	use    float64 // of a draw in which what it holds and gives is its weight
	chance float64 // in (0, 1): as good as random, and the same for the same pair
}

func (r *room) others(now time.Time, v *viewer) []partner {
	pos := v.position(now)
	from := min(r.x.at(pos), len(r.x.segs)-1)
	to := from
	for to+1 < len(r.x.segs) && r.x.segs[to+1].start < pos+r.rules.LookAhead {
		to++
	}
	var others []partner
	n := len(r.viewers)
	step := max(1, n/partnerSample)
	at := int(pairing(v.id, Peer(r.hash)) * float64(n))
	for i := 0; i < n; i += step {
		o := r.viewers[(at+i)%n]
		if o == v || o.connected >= maxPartners || o.hidden && o.paused || o.reported && now.Sub(o.at) > silence {
			continue
		}
		held := v.lacking(o, r.x.segs[from].from, r.x.segs[to].to)
		chance := pairing(v.id, o.id)
		use := (float64(held) + 1) * min(2, o.up.rate/r.x.rate)
		if o.suspect {
			use = 0
		}
		others = append(others, partner{id: o.id, use: math.Log(chance) / max(use, 1e-6), chance: chance})
	}
	return others
}

// lacking counts the pieces of [from, to] that o has, as we believe, and v has not, in words
// of 64.
func (v *viewer) lacking(o *viewer, from, to int) (n int) {
	for w := from >> 6; w <= to>>6; w++ {
		n += bits.OnesCount64(o.held[w] &^ o.doubted[w] &^ v.held[w])
	}
	return n
}

func pairing(a, b Peer) float64 {
	h := fnv.New64a()
	h.Write([]byte(a))
	h.Write([]byte(b))
	return (float64(h.Sum64()>>11) + 0.5) / (1 << 53)
}
