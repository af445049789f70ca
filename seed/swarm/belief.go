package swarm

import (
	"math/bits"
	"slices"
	"time"
)

// What nobody was ever sent nobody can have, whatever it says: one that claimed every piece
// would else end all first copies. So a viewer's word for a piece counts where the piece has
// left the origin, to whomever, or where others have said that they got bytes from the viewer:
// it may have them from elsewhere, or from before we were started. Who goes on claiming what
// it can't have is not counted on for anything.

const (
	doubtFor  = 5 * time.Second // before who claims too much is a suspect
	doubtMost = 16.0            // seconds of video, above which it is one at once
)

// believed says whether v's having p counts.
func (v *viewer) believed(p int) bool {
	return v.mirror || v.up.proven || v.room.sent.has(p) || v.lease(p) != nil
}

// doubt says whether the viewer is to be counted on. An answer that is still being sent has
// left only when it is whole, so a doubt may be wrong for a while, about so much.
func (v *viewer) doubt(now time.Time) {
	switch {
	case v.doubts == 0:
		v.doubtful = time.Time{}
	case v.doubtful.IsZero():
		v.doubtful = now
	}
	x := v.room.x
	many := float64(v.doubts)*float64(x.media.PieceLength) > doubtMost*x.rate
	v.suspect = v.doubts > 0 && (many || now.Sub(v.doubtful) > doubtFor)
}

// trust ends the doubt about a piece.
func (v *viewer) trust(p int) {
	if v.doubted.has(p) {
		v.doubted.clear(p)
		v.doubts--
		v.room.supply[p] += v.share
		v.room.copies[p]++
	}
}

// claim has v's word for a piece stand alone: its lease is over.
func (v *viewer) claim(p int) {
	v.drop(p)
	v.hold(p)
}

// trustAll ends the doubts about a peer, once it has proven to give.
func (p *peer) trustAll() {
	for _, v := range p.views {
		for w := range v.doubted {
			for word := v.doubted[w]; word != 0; word &= word - 1 {
				v.trust(w<<6 + bits.TrailingZeros64(word))
			}
		}
	}
}

// leaves notes that a piece has left the origin.
func (r *room) leaves(p int) {
	if r.sent.has(p) {
		return
	}
	r.sent.set(p)
	for _, v := range r.viewers {
		v.trust(p)
	}
}

// Sent notes that the bytes [from, to) went out in an answer for which there is no Done that
// says so: to a player that has not joined yet, or that broke off what it asked for.
func (c *Coordinator) Sent(now time.Time, hash string, from, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[hash]
	if r == nil {
		c.early.add(hash, now, from, to)
		return
	}
	r.passed(from, to)
}

// passed notes the pieces of which at least a half was sent: of one that two answers share,
// one has as much.
func (r *room) passed(from, to int64) {
	if from < 0 || from >= to || to > r.x.media.Size {
		return
	}
	for p := r.x.piece(from); p <= r.x.piece(to-1); p++ {
		if 2*r.x.overlap(p, from, to) >= r.x.pieceSize(p) {
			r.leaves(p)
		}
	}
}

// early is what was sent of renditions that nobody had joined: a player asks for its first
// bytes before it can.
type early map[string][]passed

type passed struct {
	at       time.Time
	from, to int64
}

const (
	earlyFor  = 30 * time.Second
	earlyMost = 16 // of one rendition
)

func (e early) add(hash string, now time.Time, from, to int64) {
	if len(e) >= maxRooms && e[hash] == nil {
		return
	}
	list := e[hash]
	if len(list) >= earlyMost {
		list = slices.Delete(list, 0, 1)
	}
	e[hash] = append(list, passed{now, from, to})
}

// take hands over what was sent to a room that begins.
func (e early) take(now time.Time, r *room) {
	for _, s := range e[r.hash] {
		if now.Sub(s.at) < earlyFor {
			r.passed(s.from, s.to)
		}
	}
	delete(e, r.hash)
}

func (e early) expire(now time.Time) {
	for hash, list := range e {
		if now.Sub(list[len(list)-1].at) > earlyFor {
			delete(e, hash)
		}
	}
}
