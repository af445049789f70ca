package tracker

import (
	"crypto/rand"
	"net/netip"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
)

// room is one infohash and everybody interested in it.
type room struct {
	hash    metainfo.Hash
	info    Swarm
	members map[peerID]*member // announced on a socket: they can be reached by WebRTC
	list    []*member          // the same, to choose from
	viewers map[peerID]*viewer // joined from our page
	hosts   map[netip.AddrPort]*host
	seeds   int // of members, with the whole file
	mirrors int // of members

	received int64 // bytes that viewers said they got from others
	changed  bool  // viewers may have news
	short    bool  // what viewers were told of the budget
	height   int
}

// member is a peer that can be reached by WebRTC, through its socket.
type member struct {
	room   *room
	id     peerID
	socket *socket
	whole  bool // has all of the file
	mirror bool
	served bool // the scheduler knows it as a mirror
	index  int  // in room.list

	answered time.Time        // when our own seed last answered it
	met      [16]acquaintance // whom it was lately offered to, and who was offered to it
	next     uint8            // place in met
}

// acquaintance is an introduction under way or lately made. There are many: a checksum
// stands for the offer's id.
type acquaintance struct {
	id    peerID
	time  uint32 // in seconds
	offer uint64 // that we passed on to this member, until it is answered; 0 for none
}

// viewer is somebody who watches our page. It has a member of the same id once it can
// be reached by WebRTC, mostly on another socket.
type viewer struct {
	room      *room
	id        peerID
	socket    *socket
	since     time.Time
	reported  time.Time
	connected int // peers whose data channel is open
	told      news
	toldTime  time.Time
}

// room returns the room of an infohash that Find knows. The caller holds the mutex.
func (t *Tracker) room(h metainfo.Hash, info Swarm) *room {
	r := t.rooms[h]
	if r == nil {
		r = &room{
			hash: h, members: map[peerID]*member{}, viewers: map[peerID]*viewer{},
			hosts: map[netip.AddrPort]*host{},
		}
		t.rooms[h] = r
	}
	r.info = info
	return r
}

// tidy drops a room that nobody is in.
func (t *Tracker) tidy(r *room) {
	if len(r.members) == 0 && len(r.viewers) == 0 && len(r.hosts) == 0 {
		delete(t.rooms, r.hash)
	}
}

// enter makes s a member of r, or says why not.
func (t *Tracker) enter(now time.Time, r *room, s *socket, id peerID) (*member, string) {
	if m := r.members[id]; m != nil && m.socket == s {
		return m, ""
	} else if m != nil && m.socket.addr != s.addr {
		return nil, reasonTaken
	} else if m != nil {
		t.remove(now, m) // the same client, back before its old socket was missed
	}
	for _, m := range s.members {
		if m.room == r {
			t.remove(now, m) // it calls itself otherwise now
			break
		}
	}
	if len(r.members) >= maxMembers || len(s.members) >= s.maxRooms() {
		return nil, reasonFull
	}
	m := &member{room: r, id: id, socket: s, mirror: s.mirror != nil, index: len(r.list)}
	t.rooms[r.hash] = r
	r.members[id] = m
	r.list = append(r.list, m)
	s.members = append(s.members, m)
	if m.mirror {
		r.mirrors++
		r.changed = true
	}
	return m, ""
}

func (s *socket) maxRooms() int {
	if s.mirror != nil {
		return maxMirrorRooms
	}
	return maxRooms
}

// finish notes that m has the whole file, or no longer has.
func (t *Tracker) finish(now time.Time, m *member, whole bool) {
	if m.whole == whole {
		return
	}
	m.whole = whole
	if whole {
		m.room.seeds++
	} else {
		m.room.seeds--
	}
	if !m.mirror || t.cfg.Coordinator == nil || m.room.info.Room == nil {
		return
	}
	switch {
	case whole && t.claim(m.id, m.socket):
		m.served = true
		t.cfg.Coordinator.Join(now, m.room.hash.String(), m.room.info.Room, m.id.hex(), true, place(m.socket.addr))
	case m.served:
		m.served = false
		t.cfg.Coordinator.Leave(now, m.room.hash.String(), m.id.hex())
		t.release(m.id)
	}
}

// owner is the address that an id belongs to while the scheduler knows it. To the scheduler
// an id is one peer in all its swarms, and everybody whom it meets knows it: who takes
// another's id to a second swarm would end its part in the first.
type owner struct {
	addr   netip.Addr
	mirror bool
	seats  int
	ticket string // of a viewer: everybody it meets knows its id, so that is no proof
}

// Viewer returns the viewer whose ticket this is.
func (t *Tracker) Viewer(ticket string) (p swarm.Peer, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.tickets[ticket]
	return id.hex(), ok
}

// claim makes an id s's, unless it is another's.
func (t *Tracker) claim(id peerID, s *socket) bool {
	o := t.owners[id]
	if o == nil {
		o = &owner{addr: s.addr, mirror: s.mirror != nil, ticket: rand.Text()}
		t.owners[id], t.tickets[o.ticket] = o, id
	}
	if o.addr != s.addr || o.mirror != (s.mirror != nil) {
		return false
	}
	o.seats++
	return true
}

// release undoes one claim.
func (t *Tracker) release(id peerID) {
	o := t.owners[id]
	if o.seats--; o.seats == 0 {
		delete(t.owners, id)
		delete(t.tickets, o.ticket)
	}
}

// remove takes a member out.
func (t *Tracker) remove(now time.Time, m *member) {
	r := m.room
	t.finish(now, m, false)
	delete(r.members, m.id)
	last := r.list[len(r.list)-1]
	last.index = m.index
	r.list[m.index] = last
	r.list[len(r.list)-1] = nil
	r.list = r.list[:len(r.list)-1]
	if m.mirror {
		r.mirrors--
		r.changed = true
	}
	m.socket.members = without(m.socket.members, m)
	t.tidy(r)
}

// leave takes a viewer out.
func (t *Tracker) leave(now time.Time, v *viewer) {
	r := v.room
	delete(r.viewers, v.id)
	t.viewers--
	r.changed = true
	v.socket.viewers = without(v.socket.viewers, v)
	if t.cfg.Coordinator != nil {
		t.cfg.Coordinator.Leave(now, r.hash.String(), v.id.hex())
	}
	t.release(v.id)
	t.tidy(r)
}

// without removes an item from the end of a list fast, since whole lists are emptied so.
func without[T comparable](list []T, item T) []T {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == item {
			list[i] = list[len(list)-1]
			var none T
			list[len(list)-1] = none
			return list[:len(list)-1]
		}
	}
	return list
}

// joined reports whether a member is a viewer of our page.
func (m *member) joined() bool { return m.room.viewers[m.id] != nil }

// peer names v as the scheduler does.
func (v *viewer) peer() swarm.Peer { return v.id.hex() }
