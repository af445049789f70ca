package tracker

import (
	"slices"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
)

// The news that viewers get of their swarm: when somebody came or left, but for a crowd
// only when it grew or shrank by an eighth, and at the latest after slowNews.
const slowNews = 10 * time.Second

// join is a viewer of our page who wants to share.
func (t *Tracker) join(now time.Time, s *socket, m message) bool {
	hash, okHash := fromHex(m.text())
	id, okID := fromHex(m.PeerID)
	if !okHash || !okID {
		return false
	}
	h := metainfo.Hash(hash)
	refuse := func(reason string) bool {
		s.send(refusal{"refuse", m.text(), reason})
		return true
	}
	switch {
	case !s.own:
		return refuse(reasonOrigin)
	case !t.may(now, s.addr):
		return refuse(reasonOften)
	}
	info, known := t.cfg.Find(h)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !known || info.Room == nil || t.cfg.Coordinator == nil {
		t.missed(s.addr)
		return refuse(reasonUnknown)
	}
	r := t.room(h, info)
	v, reason := t.seat(now, r, s, id)
	if reason != "" {
		t.tidy(r)
		return refuse(reason)
	}
	t.tell(now, v)
	if r.short, r.height = t.hint(now, r); r.short {
		s.send(hint{"hint", h.String(), r.short, r.height})
	}
	return true
}

// seat makes s a viewer of r, or says why not.
func (t *Tracker) seat(now time.Time, r *room, s *socket, id peerID) (*viewer, string) {
	if v := r.viewers[id]; v != nil && v.socket == s {
		// It plays this rendition again, after another.
		t.cfg.Coordinator.Join(now, r.hash.String(), r.info.Room, id.hex(), false, place(s.addr))
		return v, ""
	} else if v != nil && v.socket.addr != s.addr {
		return nil, reasonTaken
	} else if v != nil {
		t.leave(now, v)
	}
	for _, v := range s.viewers {
		if v.room == r {
			t.leave(now, v)
			break
		}
	}
	if len(r.viewers) >= maxViewers {
		return nil, reasonFull
	}
	for len(s.viewers) >= maxSeats { // the scheduler forgets the oldest, too
		t.leave(now, slices.MinFunc(s.viewers, func(a, b *viewer) int { return a.since.Compare(b.since) }))
	}
	if !t.claim(id, s) {
		return nil, reasonTaken
	}
	if !t.cfg.Coordinator.Join(now, r.hash.String(), r.info.Room, id.hex(), false, place(s.addr)) {
		t.release(id)
		return nil, reasonFull
	}
	v := &viewer{room: r, id: id, socket: s, since: now, reported: now}
	t.rooms[r.hash] = r
	r.viewers[id] = v
	r.changed = true
	s.viewers = append(s.viewers, v)
	t.viewers++
	return v, ""
}

// report is what a viewer says of itself while others are there.
func (t *Tracker) report(now time.Time, s *socket, m message) bool {
	h, ok := fromHex(m.text())
	if !ok {
		return false
	}
	if !s.reports.take(now, 1, reportRate, reportBurst) {
		return true
	}
	t.mu.Lock()
	v := s.viewing(h)
	if v == nil {
		t.mu.Unlock()
		return true // it was refused, or told to leave, a moment ago
	}
	v.connected = min(max(m.Peers, 0), enough)
	got := v.credit(now, m.Received)
	v.room.received += got
	t.received += got
	t.mu.Unlock()
	t.cfg.Coordinator.Report(now, m.text(), v.peer(), m.report())
	return true
}

// credit returns how many of the bytes that v says it got we believe: what a fast line
// gives in the time since it last spoke.
func (v *viewer) credit(now time.Time, received map[swarm.Peer]int64) int64 {
	limit := int64(min(now.Sub(v.reported), newsTime*5).Seconds() * maxReceiveRate)
	v.reported = now
	var sum int64
	for _, n := range received {
		if n > 0 && n <= limit {
			sum = min(sum+n, limit)
		}
	}
	return sum
}

// quit is a viewer who leaves one of its swarms.
func (t *Tracker) quit(now time.Time, s *socket, m message) bool {
	h, ok := fromHex(m.text())
	if !ok {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := s.viewing(h); v != nil {
		t.leave(now, v)
	}
	return true
}

// viewing returns what s is as a viewer of h, if it is one.
func (s *socket) viewing(h [20]byte) *viewer {
	for _, v := range s.viewers {
		if v.room.hash == h {
			return v
		}
	}
	return nil
}

// grant lets the scheduler give out what the origin has room for.
func (t *Tracker) grant(now time.Time) {
	t.mu.Lock()
	idle := t.viewers == 0
	t.mu.Unlock()
	if idle || t.cfg.Coordinator == nil {
		return
	}
	for _, g := range t.cfg.Coordinator.Tick(now) {
		h, okHash := fromHex(g.Hash)
		id, okID := fromHex(string(g.Peer))
		if !okHash || !okID {
			continue
		}
		t.mu.Lock()
		if r := t.rooms[h]; r != nil && r.viewers[id] != nil {
			r.viewers[id].socket.send(grant{"grant", g.Hash, g.Pieces})
		}
		t.mu.Unlock()
	}
}

// tellNews tells viewers how their swarms changed.
func (t *Tracker) tellNews(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rooms {
		if len(r.viewers) == 0 {
			continue
		}
		short, height := t.hint(now, r)
		turned := short != r.short || short && height != r.height
		r.short, r.height = short, height
		for _, v := range r.viewers {
			if r.changed || now.Sub(v.toldTime) > slowNews {
				t.tell(now, v)
			}
			if turned {
				v.socket.send(hint{"hint", r.hash.String(), short, height})
			}
		}
		r.changed = false
	}
}

// hint says whether viewers should play lower: the line is short, or the swarm can't feed
// itself.
func (t *Tracker) hint(now time.Time, r *room) (short bool, height int) {
	if t.cfg.Hint == nil {
		return false, 0
	}
	short, height = t.cfg.Hint(r.info)
	poor := t.cfg.Coordinator != nil && t.cfg.Coordinator.Poor(now, r.hash.String())
	return short || poor, height
}

// tell tells v about its swarm if there is something to tell.
func (t *Tracker) tell(now time.Time, v *viewer) {
	n := news{
		Action: "swarm", InfoHash: v.room.hash.String(),
		Viewers: len(v.room.viewers) - 1, Mirrors: v.room.mirrors,
		Proven: int64(8 * t.cfg.Coordinator.Proven(v.peer())), Ticket: t.owners[v.id].ticket,
	}
	late := now.Sub(v.toldTime) > slowNews && n != v.told
	if v.toldTime.IsZero() || late || n.Mirrors != v.told.Mirrors || far(n.Viewers, v.told.Viewers) {
		v.told, v.toldTime = n, now
		v.socket.send(n)
	}
}

// far reports whether a number of viewers is worth a message.
func far(now, before int) bool {
	difference := max(now-before, before-now)
	return difference > before/8
}
