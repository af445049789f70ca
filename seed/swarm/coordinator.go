package swarm

import (
	"slices"
	"sync"
	"time"
)

// Bounds on what strangers may make the Coordinator remember.
const (
	maxRooms        = 4096
	maxPeers        = 20_000
	maxRoomsPerPeer = 4
	maxWishes       = 4
	maxReceived     = 64
	maxFetching     = 16
	maxConnected    = 256
)

// How far a report is trusted.
const (
	extrapolate  = 2 * time.Second  // a silent viewer plays on for this long
	silence      = 15 * time.Second // then it no longer wants anything
	connectTime  = 5 * time.Second  // a viewer without peers after this passes nothing on
	meetTime     = 15 * time.Second // and after this looks after itself
	slowFor      = 2 * time.Second  // in which a piece comes from who can give
	blamedCopies = 2                // of a piece: of more, no single holder is to blame that it is not given
	shortFor     = 4 * time.Second  // after a wish, a swarm counts as short
	seekJump     = 3.0              // seconds off the course that make a seek
	startsMost   = 2.0              // starts and seeks that may come at once
	startsPer    = 5.0              // seconds that earn another
)

// Coordinator schedules every swarm of one origin. It is safe for concurrent use.
type Coordinator struct {
	mu       sync.Mutex
	origin   Origin
	rules    Rules
	rooms    map[string]*room
	order    []*room // of coming
	peers    map[Peer]*peer
	places   map[string]*place
	early    early
	forgot   time.Time // when places were last looked through
	leases   []*lease  // of all, oldest first
	promised int64     // bytes granted and not yet asked for
	strange  int64     // bytes granted to strangers and not yet sent
	counts   Counts
	asks     []ask // scratch
}

// peer is one tab or mirror, in all its rooms.
type peer struct {
	id     Peer
	mirror bool
	place  *place
	up     upload
	views  []*viewer
	starts float64 // left of startsMost
	earned time.Time

	kept    bool      // it has fetched a lease
	strikes int       // leases that it did not come for, lately
	barred  time.Time // no leases until then
}

// New returns a Coordinator that grants what origin has room for.
func New(origin Origin) *Coordinator { return NewWith(origin, DefaultRules()) }

// NewWith is New with other rules, for the simulation.
func NewWith(origin Origin, rules Rules) *Coordinator {
	return &Coordinator{origin: origin, rules: rules, rooms: map[string]*room{}, peers: map[Peer]*peer{}, places: map[string]*place{}, early: early{}}
}

// Join adds a viewer or a mirror to the swarm of a rendition. A viewer that joins a second
// rendition plays that one from now on and stays in the first as a holder of its pieces. It
// reports false when the bounds on swarms and peers are reached. Peers of one place (an
// address; empty where it is not known) share their starts, and don't vouch for each other.
func (c *Coordinator) Join(now time.Time, hash string, m *Media, p Peer, mirror bool, place string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.room(hash, m)
	who := c.peer(now, p, mirror, place)
	if r == nil || who == nil {
		c.tidy(r, who)
		return false
	}
	v := who.view(hash)
	if v == nil {
		if len(who.views) >= maxRoomsPerPeer && !mirror {
			c.leave(who.views[0])
		}
		v = &viewer{peer: who, room: r, joined: now, at: now, rate: 1, held: newBits(r.x.pieces), doubted: newBits(r.x.pieces),
			vouched: newBits(r.x.pieces), word: vouchPieces * float64(r.x.media.PieceLength)}
		if len(who.views) == 0 {
			who.place.peers++
			c.places[place] = who.place
		}
		who.views = append(who.views, v)
		c.peers[p], c.rooms[hash] = who, r
		c.early.take(now, r)
		c.enter(now, r, v)
	}
	for _, other := range who.views {
		other.active = false
		other.wishes = nil
	}
	v.active = !mirror
	v.begin(now)
	v.reshare(now)
	return true
}

// enter puts a new viewer into a room, and the room into the order.
func (c *Coordinator) enter(now time.Time, r *room, v *viewer) {
	if len(r.viewers) == 1 {
		r.meeting = now.Add(connectTime)
	}
	if v.mirror {
		r.mirrors++
	} else {
		r.viewers = append(r.viewers, v)
	}
	if !slices.Contains(c.order, r) {
		c.order = append(c.order, r)
	}
}

func (c *Coordinator) room(hash string, m *Media) *room {
	if r := c.rooms[hash]; r != nil {
		return r
	}
	x := newIndex(m)
	if x == nil || len(c.rooms) >= maxRooms {
		return nil
	}
	return newRoom(hash, x, &c.rules)
}

func (c *Coordinator) peer(now time.Time, id Peer, mirror bool, place string) *peer {
	if p := c.peers[id]; p != nil {
		return p
	}
	if len(c.peers) >= maxPeers {
		return nil
	}
	return &peer{id: id, mirror: mirror, place: c.place(now, place), up: newUpload(now), starts: startsMost, earned: now}
}

func (p *peer) view(hash string) *viewer {
	for _, v := range p.views {
		if v.room.hash == hash {
			return v
		}
	}
	return nil
}

// Leave forgets a peer in one swarm; an empty hash means all of them (its socket closed).
func (c *Coordinator) Leave(now time.Time, hash string, p Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := c.peers[p]
	if who == nil {
		return
	}
	for _, v := range slices.Clone(who.views) {
		if hash == "" || v.room.hash == hash {
			c.leave(v)
		}
	}
}

func (c *Coordinator) leave(v *viewer) {
	for len(v.leases) > 0 {
		c.end(v.leases[0], false)
	}
	v.remove()
	if v.mirror {
		v.room.mirrors--
	}
	v.room.viewers = slices.DeleteFunc(v.room.viewers, func(o *viewer) bool { return o == v })
	v.views = slices.DeleteFunc(v.views, func(o *viewer) bool { return o == v })
	c.tidy(v.room, v.peer)
}

// tidy forgets an empty room and a peer without rooms.
func (c *Coordinator) tidy(r *room, p *peer) {
	if r != nil && len(r.viewers) == 0 && r.mirrors == 0 {
		delete(c.rooms, r.hash)
		c.order = slices.DeleteFunc(c.order, func(o *room) bool { return o == r })
	}
	if p != nil && len(p.views) == 0 && c.peers[p.id] == p {
		p.place.peers--
		delete(c.peers, p.id)
	}
}

// Report takes what a viewer says of itself.
func (c *Coordinator) Report(now time.Time, hash string, p Peer, r Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := c.peers[p]
	if who == nil {
		return
	}
	v := who.view(hash)
	if v == nil {
		return
	}
	since := now.Sub(v.at)
	v.move(now, r)
	if r.Have != nil {
		v.update(r.Have)
		c.obsolete(v, r.Have)
	}
	c.credit(now, v, since, r.Received)
	if who.up.proven {
		who.trustAll()
	}
	v.doubt(now)
	v.wish(r.Wishes)
	if len(v.wishes) > 0 {
		v.room.wished = now
	}
	v.fetch(now, r.Fetching[:min(len(r.Fetching), maxFetching)])
	v.blame(now)
	v.reshare(now)
}

// short says whether anybody in p's swarms has wished for something lately.
func (p *peer) short(now time.Time) bool {
	for _, v := range p.views {
		if now.Sub(v.room.wished) < shortFor {
			return true
		}
	}
	return false
}

// fetch takes what the viewer says is on its way to it.
func (v *viewer) fetch(now time.Time, pieces []int) {
	asking := make([]time.Time, len(pieces))
	for i, p := range pieces {
		asking[i] = now
		if before := slices.Index(v.fetching, p); before >= 0 {
			asking[i] = v.asking[before]
		}
	}
	v.fetching, v.asking = append(v.fetching[:0], pieces...), asking
}

// blame notes who gives too little: v is connected, and wishes for what only one or two have,
// or has been fetching it from them for long.
func (v *viewer) blame(now time.Time) {
	if v.connected == 0 {
		return
	}
	for _, p := range v.wishes {
		v.blameHolders(now, p)
	}
	for i, p := range v.fetching {
		if now.Sub(v.asking[i]) >= slowFor && v.lease(p) == nil {
			v.blameHolders(now, p)
		}
	}
}

func (v *viewer) blameHolders(now time.Time, p int) {
	if p < 0 || p >= v.room.x.pieces || v.room.copies[p] > blamedCopies {
		return
	}
	for _, o := range v.room.viewers {
		if o != v && o.held.has(p) && o.lease(p) == nil {
			o.up.blamed = now
		}
	}
}

// move takes position and state. A jump off the course is a seek and earns a start.
func (v *viewer) move(now time.Time, r Report) {
	end := v.room.x.segs[len(v.room.x.segs)-1].end
	pos := min(max(r.Position, 0), end) // NaN fails both and is sorted out below
	if pos != pos {
		pos = v.pos
	}
	if jump := pos - v.position(now); jump > seekJump || jump < -seekJump {
		v.pos = pos
		v.begin(now)
	}
	v.pos, v.at, v.reported = pos, now, true
	v.rate = 1
	if r.Rate > 0 && r.Rate <= 4 {
		v.rate = r.Rate
	}
	v.paused, v.hidden, v.standing = r.Paused, r.Hidden, r.Standing
	v.connected = min(max(r.Connected, 0), maxConnected)
}

func (v *viewer) wish(wishes []int) {
	v.wishes = v.wishes[:0]
	for _, p := range wishes {
		if p >= 0 && p < v.room.x.pieces && len(v.wishes) < maxWishes && !slices.Contains(v.wishes, p) {
			v.wishes = append(v.wishes, p)
		}
	}
}

// Crowd is how many viewers and mirrors are in the swarm of a rendition.
func (c *Coordinator) Crowd(hash string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[hash]
	if r == nil {
		return 0
	}
	return len(r.viewers) + r.mirrors
}

// Proven is the upload in bytes a second that a peer's receivers have confirmed.
func (c *Coordinator) Proven(p Peer) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := c.peers[p]
	if who == nil || !who.up.proven {
		return 0
	}
	return who.up.rate
}
