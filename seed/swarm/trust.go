package swarm

import "time"

// Whoever asks may join, under as many names as it likes. What follows bounds what the word
// of a stranger, and a promise to one, can cost the others.
const (
	askFor        = 2500 * time.Millisecond // a lease that nobody comes for ends
	strangerPart  = 0.5                     // of the queue, for viewers that have not yet fetched a lease
	strangerMost  = 2                       // leases of such a viewer
	barFirst      = 2 * time.Second         // without leases after one was not fetched; doubled each time
	barMost       = 5 * time.Minute
	strikesMost   = 10
	fedFor        = 10 * time.Second // a mirror's bytes count for this long
	mirrorHope    = 10 * time.Second // after joining, viewers may still be connecting to a mirror
	mirrorWait    = 4.0              // seconds of slack, above which new viewers leave a piece to a mirror
	fedPart       = 8                // one of so many viewers, and no more than fedMost, must be fed by mirrors
	fedMost       = 16
	vouchPieces   = 16   // in flight, for which a receiver may vouch before it has them
	vouchMore     = 1.25 // for bytes that come twice
	vouchRates    = 4.0  // the media's rates that one receiver is believed to get from one sender
	vouchLeast    = hope
	placeStarts   = 4.0 // starts and seeks from one place that may come at once
	placeStartsIn = 2.5 // seconds that earn it another
)

// place is what all peers of one address share.
type place struct {
	name   string
	peers  int
	starts float64 // left of placeStarts
	earned time.Time
}

func (c *Coordinator) place(now time.Time, name string) *place {
	p := c.places[name]
	if p == nil {
		p = &place{name: name, starts: placeStarts, earned: now}
	}
	return p
}

// earn adds what the time since the last call has earned.
func (p *place) earn(now time.Time) {
	p.starts = min(placeStarts, p.starts+now.Sub(p.earned).Seconds()/placeStartsIn)
	p.earned = now
}

// known says that a place is known that is not just the machine itself or a proxy.
func (p *place) known() bool { return p.name != "" }

// forget drops places that nobody is at any more, once coming back would gain nothing.
func (c *Coordinator) forget(now time.Time) {
	if now.Sub(c.forgot) < time.Second {
		return
	}
	c.forgot = now
	c.early.expire(now)
	for name, p := range c.places {
		if p.peers > 0 {
			continue
		}
		if p.earn(now); p.starts == placeStarts {
			delete(c.places, name)
		}
	}
}

// strike bars a viewer that did not come for what was promised to it: a tab that sleeps, or
// one that wants to hold the line. It is a stranger again, too.
func (p *peer) strike(now time.Time) {
	p.barred = now.Add(min(barMost, barFirst<<p.strikes))
	p.strikes = min(p.strikes+1, strikesMost)
	p.kept = false
}

// keep notes that a lease was fetched.
func (p *peer) keep() {
	p.kept = true
	p.strikes = max(0, p.strikes-1)
}

// may says whether the viewer may have another lease. strangers says that there is room for
// one that has not fetched any yet.
func (v *viewer) may(now time.Time, strangers bool) bool {
	if now.Before(v.barred) {
		return false
	}
	if v.kept {
		return len(v.leases) < maxLeases
	}
	return strangers && len(v.leases) < strangerMost
}

// vouch returns the part of what a viewer says it received that is believed: it can't have
// got more than the pieces it has since, or is about to have.
func (v *viewer) vouch(received map[Peer]int64) (part float64) {
	sum := 0.0
	for _, n := range received {
		sum += float64(max(0, n))
	}
	if sum <= 0 {
		return 0
	}
	part = min(1, v.word/sum)
	v.word -= sum * part
	return part
}

// gain lets a viewer vouch for a piece that it says it has, each once.
func (v *viewer) gain(p int) {
	if v.vouched.has(p) {
		return
	}
	v.vouched.set(p)
	v.word += vouchMore * float64(v.room.x.pieceSize(p))
}

// credit believes a receiver's word on what others sent it, within bounds: nobody's own, no
// neighbour's, and of each no more than a viewer can use.
func (c *Coordinator) credit(now time.Time, v *viewer, since time.Duration, received map[Peer]int64) {
	if len(received) > maxReceived {
		return
	}
	most := max(vouchLeast, vouchRates*v.room.x.rate) * min(max(since, proofWindow/4), 2*proofWindow).Seconds()
	part := v.vouch(received)
	for id, bytes := range received {
		sender := c.peers[id]
		if sender == nil || sender == v.peer || sender.place == v.place && v.place.known() {
			continue
		}
		believed := min(float64(max(0, bytes))*part, most)
		sender.up.got(int64(believed))
		if sender.mirror {
			v.feed(now, believed)
		}
	}
	v.up.roll(now, v.short(now))
}

// feed notes bytes that came from a mirror.
func (v *viewer) feed(now time.Time, bytes float64) {
	if v.fedBytes += bytes; v.fedBytes >= float64(v.room.x.media.PieceLength) {
		v.fed, v.fedBytes = now, 0
	}
}

// mirrored says whether mirrors feed this room, by the word of those who receive. A mirror
// says of itself that it has everything; as long as that were enough, one that gives nothing
// could end all first copies. hoped says that all viewers are too new to tell.
func (r *room) mirrored(now time.Time) (fed, hoped bool) {
	if r.mirrors == 0 {
		return false, false
	}
	wanting, feeding, hoped := 0, 0, true
	for _, v := range r.viewers {
		if !v.wants(now) {
			continue
		}
		wanting++
		if now.Sub(v.fed) < fedFor {
			feeding++
		}
		hoped = hoped && now.Sub(v.joined) < mirrorHope
	}
	return feeding > 0 && feeding >= min(wanting/fedPart, fedMost), hoped
}
