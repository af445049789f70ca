package tracker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// handle does what one message asks for. It reports false when the socket should be closed.
func (t *Tracker) handle(s *socket, b []byte) bool {
	m, err := parse(b)
	if err != nil {
		return false
	}
	now := time.Now()
	switch m.Action {
	case "announce":
		return t.announce(now, s, m)
	case "scrape":
		return t.scrape(now, s, m)
	case "join":
		return t.join(now, s, m)
	case "report":
		return t.report(now, s, m)
	case "leave":
		return t.quit(now, s, m)
	case "mirror":
		return t.greet(now, s, m)
	}
	return false
}

// announce is a peer that says that it is there, that it goes, or answers an offer.
func (t *Tracker) announce(now time.Time, s *socket, m message) bool {
	h, okHash := fromBinary(m.text())
	id, okID := fromBinary(m.PeerID)
	if !okHash || !okID {
		return false
	}
	switch {
	case m.Answer != nil:
		t.passAnswer(s, h, id, m)
	case m.Event == "stopped":
		t.stop(now, s, h)
	default:
		t.welcome(now, s, h, id, m)
	}
	return true
}

// welcome takes a peer in, tells it how many others there are, and passes on its offers.
func (t *Tracker) welcome(now time.Time, s *socket, h metainfo.Hash, id peerID, m message) {
	if !t.may(now, s.addr) {
		s.send(failure{"announce", binary(h), reasonOften})
		return
	}
	info, known := t.cfg.Find(h)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !known {
		t.missed(s.addr)
		s.send(failure{"announce", binary(h), reasonUnknown})
		return
	}
	r := t.room(h, info)
	self, reason := t.enter(now, r, s, id)
	if reason != "" {
		t.tidy(r)
		s.send(failure{"announce", binary(h), reason})
		return
	}
	t.finish(now, self, m.whole())
	complete, incomplete := t.count(r)
	s.send(announced{"announce", binary(h), int(announceInterval.Seconds()), complete, incomplete})
	offers := make([]offer, 0, len(m.Offers))
	for _, o := range m.Offers {
		if o.Offer.ok("offer") && len(o.OfferID) <= 100 {
			offers = append(offers, o)
		}
	}
	t.introduce(now, self, t.answer(now, self, offers))
}

// introduce passes each offer on to another member.
func (t *Tracker) introduce(now time.Time, self *member, offers []offer) {
	for i, other := range self.room.choose(now, self, len(offers), t.liked(now, self, len(offers))) {
		other.meet(self.id, now, offers[i].OfferID)
		self.meet(other.id, now, "")
		other.socket.send(introduction{
			Action: "announce", InfoHash: binary(self.room.hash), PeerID: binary(self.id),
			OfferID: offers[i].OfferID, Offer: &offers[i].Offer,
		})
	}
}

// passAnswer passes an answer on to the peer whose offer it answers. Nobody can send
// anything to a peer that did not make an offer.
func (t *Tracker) passAnswer(s *socket, h metainfo.Hash, id peerID, m message) {
	to, ok := fromBinary(m.ToPeerID)
	if !ok || !m.Answer.ok("answer") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[h]
	if r == nil {
		return
	}
	self, other := r.members[id], r.members[to]
	if self == nil || self.socket != s || other == nil || !self.owes(to, m.OfferID) {
		return
	}
	other.socket.send(introduction{
		Action: "announce", InfoHash: binary(h), PeerID: binary(id), OfferID: m.OfferID, Answer: m.Answer,
	})
}

// answer lets our own seed answer one of the offers of a peer that is not on our page, and
// returns the others.
func (t *Tracker) answer(now time.Time, self *member, offers []offer) []offer {
	r := self.room
	if t.cfg.Answer == nil || r.info.Room == nil || len(offers) == 0 || self.whole || self.mirror ||
		self.joined() || now.Sub(self.answered) < answerAgain {
		return offers
	}
	guest := self.socket.visitor
	if guest.answers >= maxAnswersEach || !guest.answered.take(now, 1, answerRate, answerBurst) {
		return offers // each leaves a connection half open for a while, and there are few places for those
	}
	select {
	case t.answers <- struct{}{}:
	default:
		return offers
	}
	self.answered = now
	guest.answers++
	first, s, h := offers[0], self.socket, r.hash
	t.work.Go(func() {
		defer t.answeredOne(guest)
		ctx, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		sdp, err := t.cfg.Answer(ctx, h, first.Offer.SDP)
		if err != nil {
			t.log.Debug("offer not answered", "infohash", h, "err", err)
			return
		}
		s.send(introduction{
			Action: "announce", InfoHash: binary(h), PeerID: binary(t.self),
			OfferID: first.OfferID, Answer: &description{"answer", sdp},
		})
	})
	return offers[1:]
}

// answeredOne gives back the place of an answer.
func (t *Tracker) answeredOne(guest *visitor) {
	<-t.answers
	t.mu.Lock()
	defer t.mu.Unlock()
	guest.answers--
}

// stop takes a peer out that says that it goes.
func (t *Tracker) stop(now time.Time, s *socket, h metainfo.Hash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range s.members {
		if m.room.hash == h {
			t.remove(now, m)
			return
		}
	}
}

// scrape tells how many peers some infohashes have.
func (t *Tracker) scrape(now time.Time, s *socket, m message) bool {
	var names []string
	if err := json.Unmarshal(m.InfoHash, &names); err != nil {
		names = []string{m.text()}
	}
	if len(names) > maxScrape {
		return false
	}
	files := map[binary]counts{}
	t.mu.Lock()
	often := !s.visitor.announce(now)
	t.mu.Unlock()
	for _, name := range names {
		h, ok := fromBinary(name)
		if !ok {
			return false
		}
		if often {
			s.send(failure{"scrape", h, reasonOften})
			return true
		}
		if c, ok := t.countOf(h); ok {
			files[h] = c
		}
	}
	s.send(scraped{"scrape", files})
	return true
}

// countOf returns how many peers an infohash has that Find knows.
func (t *Tracker) countOf(h metainfo.Hash) (counts, bool) {
	info, known := t.cfg.Find(h)
	if !known {
		return counts{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[h]
	if r == nil {
		r = &room{info: info}
	}
	complete, incomplete := t.count(r)
	return counts{complete, incomplete, complete}, true
}

// count returns how many have the whole file and how many a part. Where our own seed
// answers, it is one of the former.
func (t *Tracker) count(r *room) (complete, incomplete int) {
	complete, incomplete = r.seeds, len(r.members)-r.seeds
	for _, h := range r.hosts {
		if h.whole {
			complete++
		} else {
			incomplete++
		}
	}
	if r.info.Room != nil && (t.cfg.Answer != nil || len(t.ownSeeds()) > 0) {
		complete++
	}
	return complete, incomplete
}
