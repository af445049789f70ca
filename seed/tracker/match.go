package tracker

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	enough     = 30               // connections that a viewer has use for
	candidates = 64               // members looked at for one announce
	likedBonus = 100              // more than any number of connections
	unlucky    = 10 * time.Second // after which a viewer without connections is taken to be behind a wall
)

// choose returns up to n members to whom self's offers go, the best first.
//
// Viewers of our page meet mirrors and each other. Whoever else comes (WebTorrent clients)
// is served by our own seed and by mirrors, and meets its like before it meets viewers,
// whose uplinks the scheduler counts on. Among equals those with few connections come
// first, so that newcomers are spread over the swarm and nobody carries all of them.
//
// liked are those that the scheduler would have it meet, for what they hold.
func (r *room) choose(now time.Time, self *member, n int, liked []*member) []*member {
	if n == 0 {
		return nil
	}
	type choice struct {
		member *member
		rank   int
	}
	choices := make([]choice, 0, min(candidates, len(r.list)))
	mirrors := 0
	for i, other := range append(slices.Clip(liked), r.sample()...) {
		if i >= len(liked) && slices.Contains(liked, other) || other == self || other.socket == self.socket || self.whole && other.whole || self.knows(other.id, now) {
			continue
		}
		rank := self.rank(now, other)
		if i < len(liked) {
			rank -= likedBonus
		}
		choices = append(choices, choice{other, rank})
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(a.rank, b.rank) })
	chosen := make([]*member, 0, n)
	for _, c := range choices {
		if c.member.mirror {
			// Mirrors alone would not make a swarm.
			if mirrors++; mirrors > max(1, n/2) {
				continue
			}
		}
		if chosen = append(chosen, c.member); len(chosen) == n {
			break
		}
	}
	return chosen
}

// liked asks the scheduler whom a viewer of our page should meet.
func (t *Tracker) liked(now time.Time, self *member, n int) (liked []*member) {
	if t.cfg.Coordinator == nil || n == 0 || !self.joined() {
		return nil
	}
	for _, p := range t.cfg.Coordinator.Partners(now, self.room.hash.String(), self.id.hex(), 2*n) {
		if id, ok := fromHex(string(p)); ok && self.room.members[peerID(id)] != nil {
			liked = append(liked, self.room.members[peerID(id)])
		}
	}
	return liked
}

// sample returns members in random order, all mirrors among them as long as they are few.
func (r *room) sample() []*member {
	if len(r.list) <= candidates {
		all := slices.Clone(r.list)
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	}
	some := make([]*member, 0, candidates)
	if r.mirrors > 0 {
		for _, m := range r.list {
			if m.mirror && len(some) < candidates/4 {
				some = append(some, m)
			}
		}
	}
	for range candidates - len(some) {
		if m := r.list[rand.IntN(len(r.list))]; !slices.Contains(some, m) {
			some = append(some, m)
		}
	}
	return some
}

// rank is the lower, the better other is for self.
func (self *member) rank(now time.Time, other *member) int {
	const class = 1000
	if other.mirror {
		return 0
	}
	v := other.room.viewers[other.id]
	switch {
	case v == nil && self.joined():
		return 3 * class // strangers last
	case v == nil:
		return class
	case !self.joined():
		return 3*class + v.connected
	case v.connected >= enough:
		return 4 * class
	case v.connected == 0 && now.Sub(v.since) > unlucky && other.acquaintances() > 2:
		return 2 * class // many were sent to it, and none got through
	}
	return class + v.connected + other.recent(now)
}

// meet remembers an introduction. With an offer's id, other may answer it once.
func (m *member) meet(other peerID, now time.Time, offerID string) {
	m.met[m.next] = acquaintance{other, seconds(now), offerSum(offerID)}
	m.next = (m.next + 1) % uint8(len(m.met))
}

// knows reports whether the two were introduced a moment ago.
func (m *member) knows(other peerID, now time.Time) bool {
	for _, a := range m.met {
		if a.id == other && a.since(now) < introduceAgain {
			return true
		}
	}
	return false
}

// owes reports whether an offer of other was passed on to m, which takes the right to
// answer it.
func (m *member) owes(other peerID, offerID string) bool {
	sum := offerSum(offerID)
	for i, a := range m.met {
		if a.id == other && a.offer == sum && sum != 0 {
			m.met[i].offer = 0
			return true
		}
	}
	return false
}

// acquaintances counts whom m was ever introduced to, up to what it remembers.
func (m *member) acquaintances() int {
	n := 0
	for _, a := range m.met {
		if a.time != 0 {
			n++
		}
	}
	return n
}

// recent counts the introductions that may still become connections.
func (m *member) recent(now time.Time) int {
	n := 0
	for _, a := range m.met {
		if a.since(now) < unlucky {
			n++
		}
	}
	return n
}

func seconds(t time.Time) uint32 { return uint32(t.Unix()) }

func (a acquaintance) since(now time.Time) time.Duration {
	return time.Duration(seconds(now)-a.time) * time.Second
}

// offerSum is never 0 for an id.
func offerSum(offerID string) uint64 {
	if offerID == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(offerID)) // never fails
	return h.Sum64() | 1
}
