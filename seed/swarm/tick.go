package swarm

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// ask is one piece that the origin could give.
type ask struct {
	key   float64
	slack float64
	first bool // no viewer has it, and no mirror brings it
	room  *room
	piece int
	by    *viewer // of a wish; nil for a copy, which goes to whom it serves best
}

// Tick hands out what the origin has room for. Call it every 100 ms while there are viewers.
func (c *Coordinator) Tick(now time.Time) []Grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	c.forget(now)
	drain := max(c.origin.Drain(), 1000)
	room := (c.rules.Queue-c.origin.Queue()).Seconds()*drain - float64(c.promised)
	strangers := c.rules.Queue.Seconds()*drain*strangerPart - float64(c.strange)
	if room <= 0 || len(c.order) == 0 {
		return nil
	}
	c.asks = c.asks[:0]
	for _, r := range c.order {
		c.asks = r.collect(now, c.asks)
	}
	slices.SortFunc(c.asks, func(a, b ask) int { return cmp.Compare(a.key, b.key) })
	var grants []Grant
	for _, a := range c.asks {
		if room <= 0 {
			break
		}
		v := a.by
		if v == nil {
			v = a.room.whom(now, a, strangers > 0)
		}
		if v == nil || v.held.has(a.piece) || !v.may(now, strangers > 0) {
			continue
		}
		size := a.room.x.pieceSize(a.piece)
		c.counts.add(a, size)
		c.grant(now, v, a.piece, a.slack)
		room -= float64(size)
		if !v.kept {
			strangers -= float64(size)
		}
		grants = add(grants, a.room.hash, v.id, a.piece)
	}
	return grants
}

// Counts is what the Coordinator has granted since its start, in bytes, by reason.
type Counts struct {
	First  int64 // pieces that no viewer had
	Copies int64 // further copies, so that all have it in time
	Wishes int64 // rescues
}

// Counts returns what was granted.
func (c *Coordinator) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

func (c *Counts) add(a ask, n int64) {
	switch {
	case a.first:
		c.First += n
	case a.by == nil:
		c.Copies += n
	default:
		c.Wishes += n
	}
}

// add puts a piece into the grant of its viewer.
func add(grants []Grant, hash string, p Peer, piece int) []Grant {
	for i := range grants {
		if grants[i].Hash == hash && grants[i].Peer == p {
			grants[i].Pieces = append(grants[i].Pieces, piece)
			return grants
		}
	}
	return append(grants, Grant{Hash: hash, Peer: p, Pieces: []int{piece}})
}

// collect appends the pieces of this room that ask for a copy, and the wishes.
func (r *room) collect(now time.Time, asks []ask) []ask {
	if !slices.ContainsFunc(r.viewers, func(v *viewer) bool { return v.wants(now) }) {
		return asks // a long film's pieces are many, and so may such rooms be
	}
	far := float32(math.Inf(1))
	for p := range r.near {
		r.near[p], r.press[p] = far, 0
	}
	for _, v := range r.viewers {
		if v.wants(now) {
			asks = r.want(now, v, asks)
		}
	}
	fed, hoped := r.mirrored(now)
	for p, near := range r.near {
		slack := float64(near)
		if near == far || hoped && !fed && slack > mirrorWait {
			continue
		}
		if r.copies[p] > 0 && slack > meetingSlack && now.Before(r.meeting) {
			continue // who has it was alone, and may yet turn out to give it
		}
		supply := r.supply[p]
		if fed {
			supply += mirrorShare
		}
		switch have := float32(supply) / supplyUnit; {
		case r.copies[p] == 0 && !fed:
			asks = append(asks, ask{key: slack, slack: slack, first: true, room: r, piece: p})
		case have < max(0.5, r.press[p]):
			asks = append(asks, ask{key: slack + r.rules.CopyPenalty, slack: slack, room: r, piece: p})
		}
	}
	return asks
}

// want adds one viewer's missing pieces to the pressure, and its wishes to asks.
func (r *room) want(now time.Time, v *viewer, asks []ask) []ask {
	pos := v.position(now)
	next := 0
	for i := r.x.at(pos); i < len(r.x.segs) && r.x.segs[i].start < pos+r.rules.LookAhead; i++ {
		seg := &r.x.segs[i]
		slack := float32(max(0, seg.start-pos))
		press := r.presses[min(int(slack*pressSteps), len(r.presses)-1)]
		from := max(seg.from, next)
		next = seg.to + 1
		if from > seg.to {
			continue
		}
		v.held.missing(from, seg.to, func(p int) {
			if slices.Contains(v.fetching, p) {
				r.press[p] += press * float32(r.rules.Fetching)
			} else {
				r.press[p] += press
			}
			r.near[p] = min(r.near[p], slack)
		})
	}
	for _, p := range v.wishes {
		if slack, needed := r.x.slack(p, pos); needed && !v.held.has(p) {
			key := slack + r.rules.WishPenalty
			if v.standing && slack == 0 {
				key = r.rules.StandPenalty
			}
			if v.connected == 0 && r.copies[p] > 0 {
				key += r.rules.MeetPenalty
			}
			asks = append(asks, ask{key: key, slack: slack, room: r, piece: p, by: v})
		}
	}
	return asks
}

// whom chooses the viewer for a copy: of those that will play the piece soon and
// can pass it on, the one whose proven upload is least used by what it was leased lately. A
// far piece waits for a good giver while there is hope of one.
func (r *room) whom(now time.Time, a ask, strangers bool) *viewer {
	p, slack := a.piece, a.slack
	var best, good, needy choice
	fast := false
	size := float64(r.x.pieceSize(p))
	for _, v := range r.viewers {
		if !v.wants(now) || !v.gives(now) || now.Before(v.barred) {
			continue
		}
		isGood := v.up.rate >= 2*r.x.rate || !v.up.proven
		fast = fast || isGood
		own, lacks := r.lacks(now, v, p)
		if !lacks || !v.may(now, strangers) {
			continue
		}
		if slack <= nearReach && own > slack+nearReach {
			continue // through its hands it would come too late
		}
		score := v.up.rate / (v.up.leased(now) + size)
		if (v.standing || len(v.wishes) > 0) && slack > nearReach {
			needy.consider(v, score) // it has nearer things to get
			continue
		}
		best.consider(v, score)
		if isGood {
			good.consider(v, score)
		}
	}
	switch {
	case slack > r.rules.Patience && fast:
		return good.v
	case best.v == nil && needy.v != nil:
		return needy.v
	case best.v == nil:
		return r.nearest(now, p, strangers)
	}
	return best.v
}

// nearReach is how many seconds of slack a piece may have that goes to a viewer whose picture
// stands or soon will, as long as there are others; and one that goes to who needs it, or soon
// after, and not through the hands of who comes later.
const nearReach = 4.0

// meetingSlack is how many seconds of slack a piece must have whose copy waits until two have met.
const meetingSlack = 10.0

// choice keeps the best seen so far.
type choice struct {
	v     *viewer
	score float64
}

func (c *choice) consider(v *viewer, score float64) {
	if score > c.score {
		c.v, c.score = v, score
	}
}

// lacks says whether v will play p soon and has it not, and in how many seconds it needs it.
func (r *room) lacks(now time.Time, v *viewer, p int) (slack float64, lacks bool) {
	if v.held.has(p) {
		return 0, false
	}
	slack, needed := r.x.slack(p, v.position(now))
	return slack, needed && slack < r.rules.LookAhead
}

// nearest is the choice when nobody can pass a piece on: who needs it first.
func (r *room) nearest(now time.Time, p int, strangers bool) *viewer {
	var best *viewer
	least := r.rules.LookAhead
	for _, v := range r.viewers {
		if !v.wants(now) || !v.may(now, strangers) {
			continue
		}
		if s, lacks := r.lacks(now, v, p); lacks && s < least {
			best, least = v, s
		}
	}
	return best
}
