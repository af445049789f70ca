package swarm

import (
	"slices"
	"time"
)

const (
	leaseFor   = 10 * time.Second
	maxLeases  = 4 // per viewer
	startFor   = 10 * time.Second
	startReach = 4.0 // seconds of video from the position that a start may fetch
)

// lease is one piece that one viewer may fetch from the origin.
type lease struct {
	v       *viewer
	piece   int
	since   time.Time
	due     time.Time // when somebody needs it first
	asked   bool      // its request has come
	ended   bool
	strange bool // given to a viewer that had not fetched any
	length  int64
	left    int64 // bytes that may still be asked for under it: each of them once
}

func (v *viewer) lease(p int) *lease {
	for _, l := range v.leases {
		if l.piece == p {
			return l
		}
	}
	return nil
}

// grant makes a lease on a piece that somebody needs after slack seconds.
func (c *Coordinator) grant(now time.Time, v *viewer, p int, slack float64) {
	size := v.room.x.pieceSize(p)
	l := &lease{v: v, piece: p, since: now, due: now.Add(time.Duration(slack * float64(time.Second))), length: size, left: size, strange: !v.kept}
	v.leases = append(v.leases, l)
	c.leases = append(c.leases, l)
	c.promised += l.length
	if l.strange {
		c.strange += l.length
	}
	v.up.leased(now)
	v.up.recent += float64(l.length)
	v.hold(p)
	v.wishes = slices.DeleteFunc(v.wishes, func(w int) bool { return w == p })
}

// end ends a lease; a piece that did not come is nobody's again.
func (c *Coordinator) end(l *lease, whole bool) {
	if l.ended {
		return
	}
	c.close(l)
	if !whole {
		l.v.drop(l.piece)
		return
	}
	l.v.claim(l.piece)
	l.v.keep()
}

// close takes a lease out of the sums.
func (c *Coordinator) close(l *lease) {
	l.ended = true
	if !l.asked {
		c.promised -= l.length
	}
	if l.strange {
		c.strange -= l.length
	}
	l.v.leases = slices.DeleteFunc(l.v.leases, func(o *lease) bool { return o == l })
}

// expire ends the leases that are too old, and those that nobody came for, and forgets what
// has ended. Who plays anew, also from another place, is excused: it may be loading the piece
// by itself.
func (c *Coordinator) expire(now time.Time) {
	for _, l := range c.leases {
		age := now.Sub(l.since)
		switch {
		case l.ended || age <= askFor || l.asked && age <= leaseFor:
			continue
		case l.asked || now.Before(l.v.barred): // slow, or struck for the others already
		case !slices.Contains(l.v.fetching, l.piece) || now.Sub(l.v.joined) > leaseFor && now.After(l.v.starts.until):
			l.v.strike(now)
		}
		c.end(l, false)
	}
	c.leases = slices.DeleteFunc(c.leases, func(l *lease) bool { return l.ended })
}

// obsolete ends leases on pieces that the viewer says it has: a peer was faster, or the rest
// of it came from one. That is the viewer's word, as for any other piece.
func (c *Coordinator) obsolete(v *viewer, have []byte) {
	for _, l := range slices.Clone(v.leases) {
		if wire(have, l.piece>>6)&(1<<(l.piece&63)) == 0 {
			continue
		}
		c.close(l)
		if l.asked {
			v.keep()
		}
		v.claim(l.piece)
	}
}

// begin gives the right to a start, at most startsMost at once and one every startsPer seconds.
func (v *viewer) begin(now time.Time) {
	p := v.peer
	p.starts = min(startsMost, p.starts+now.Sub(p.earned).Seconds()/startsPer)
	p.earned = now
	p.place.earn(now)
	if p.starts < 1 || p.mirror || p.place.known() && p.place.starts < 1 {
		return
	}
	p.starts--
	p.place.starts--
	x := v.room.x
	first := min(x.at(v.pos), len(x.segs)-1)
	bytes := x.media.Segments[0].Offset + 2*x.media.PieceLength // whole pieces may be asked for
	for i := first; i < len(x.segs) && x.segs[i].start < v.pos+startReach; i++ {
		bytes += x.media.Segments[i].Size
	}
	v.starts = startRight{until: now.Add(startFor), bytes: bytes}
}

// Lease says what a request for the bytes [from, to) may claim, and how near their deadline
// is. Call it once when the request comes, and Done when its answer has ended.
func (c *Coordinator) Lease(now time.Time, hash string, p Peer, from, to int64) (slack time.Duration, right Right) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.viewer(hash, p)
	if v == nil || from < 0 || from >= to || to > v.room.x.media.Size {
		return 0, Plain
	}
	x, pos := v.room.x, v.position(now)
	least, leased, near := c.rules.LookAhead, true, true
	for piece := x.piece(from); piece <= x.piece(to-1); piece++ {
		l := v.lease(piece)
		leased = leased && l != nil && x.overlap(piece, from, to) <= l.left
		s, needed := x.slack(piece, pos)
		near = near && needed && s < startReach
		if needed {
			least = min(least, s)
		}
		if l != nil {
			least = min(least, max(0, l.due.Sub(now).Seconds())) // for whom it is passed on to
		}
	}
	slack = time.Duration(least * float64(time.Second))
	switch {
	case leased:
		v.ask(c, from, to)
		return slack, Granted
	case (near || to <= x.media.Segments[0].Offset) && now.Before(v.starts.until) && to-from <= v.starts.bytes:
		v.starts.bytes -= to - from
		v.room.passed(from, to) // what it brings may be passed on before all of it has come
		return 0, Start
	}
	return slack, Plain
}

// ask notes that leased bytes are on their way through the gate, which counts them now.
func (v *viewer) ask(c *Coordinator, from, to int64) {
	x := v.room.x
	for piece := x.piece(from); piece <= x.piece(to-1); piece++ {
		l := v.lease(piece)
		l.left -= x.overlap(piece, from, to)
		if !l.asked {
			l.asked = true
			c.promised -= l.length
			if l.strange { // it came, so others may be tried
				l.strange = false
				c.strange -= l.length
			}
		}
	}
}

// Done ends what Lease began; whole says that all of the bytes were sent.
func (c *Coordinator) Done(now time.Time, hash string, p Peer, from, to int64, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rooms[hash]; r != nil && whole {
		r.passed(from, to)
	}
	v := c.viewer(hash, p)
	if v == nil || from < 0 || from >= to || to > v.room.x.media.Size {
		return
	}
	x := v.room.x
	for piece := x.piece(from); piece <= x.piece(to-1); piece++ {
		start := int64(piece) * x.media.PieceLength
		if l := v.lease(piece); l != nil && l.asked {
			// Of a piece with several gaps the last one ends the lease.
			if !whole || to >= start+l.length {
				c.end(l, whole)
			}
			continue
		}
		if whole && from <= start && start+x.pieceSize(piece) <= to {
			v.hold(piece)
		}
	}
}

func (c *Coordinator) viewer(hash string, p Peer) *viewer {
	who := c.peers[p]
	if who == nil {
		return nil
	}
	return who.view(hash)
}
