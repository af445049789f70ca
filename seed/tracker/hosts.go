package tracker

import (
	"net/netip"
	"time"

	"github.com/tubelet/tubelet/seed/bencode"
)

// place remembers who announced, or forgets who stopped.
func (t *Tracker) place(now time.Time, r *room, where netip.AddrPort, q query) {
	if h := r.hosts[where]; h != nil && q.event == "stopped" {
		delete(r.hosts, where)
		t.hosts--
		return
	} else if h != nil {
		h.id, h.whole, h.seen = q.id, q.whole, now
		return
	}
	if q.event == "stopped" || !where.Addr().IsValid() || len(r.hosts) >= maxHosts || t.hosts >= maxAllHosts {
		return
	}
	same := 0
	for other := range r.hosts {
		if other.Addr() == where.Addr() {
			same++
		}
	}
	if same < maxHostsEach {
		r.hosts[where] = &host{q.id, q.whole, now}
		t.hosts++
	}
}

// expireHosts forgets who has not announced for long.
func (t *Tracker) expireHosts(now time.Time, r *room) {
	for where, h := range r.hosts {
		if now.Sub(h.seen) > hostTime {
			delete(r.hosts, where)
			t.hosts--
		}
	}
	t.tidy(r)
}

// found is a peer to tell a client about.
type found struct {
	where netip.AddrPort
	id    peerID
}

// peersFor returns whom a client may connect to: our own seed, mirrors, then others.
func (t *Tracker) peersFor(r *room, self netip.AddrPort, q query) []found {
	var peers []found
	add := func(where netip.AddrPort, id peerID) {
		if len(peers) < q.want && where != self && reaches(self.Addr(), where.Addr()) {
			peers = append(peers, found{where, id})
		}
	}
	if q.event == "stopped" {
		return nil
	}
	for _, where := range t.ownSeeds() {
		add(where, t.self)
	}
	for _, m := range r.list {
		if len(peers) >= q.want/2 {
			break
		}
		if m.mirror && m.whole && m.socket.mirror.Port != 0 {
			add(netip.AddrPortFrom(m.socket.addr, m.socket.mirror.Port), m.id)
		}
	}
	for where, h := range r.hosts { // maps are walked in another order each time
		// aria2 says that nothing is left, too, while a magnet link is all it has.
		if len(peers) >= q.want || q.whole {
			break
		}
		add(where, h.id)
	}
	return peers
}

func (t *Tracker) ownSeeds() []netip.AddrPort {
	if t.cfg.Seeds == nil {
		return nil
	}
	return t.cfg.Seeds()
}

// reaches reports whether an address means the same to both: one of a home network is of
// use only inside, and nobody outside should learn it.
func reaches(from, to netip.Addr) bool {
	public := func(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }
	return public(to) || !public(from)
}

// reply is the answer to an announce over HTTP. BEP 7 has IPv6 peers apart, in the compact
// form of BEP 23.
func (q query) reply(complete, incomplete int, peers []found) []byte {
	b := bencode.AppendInt(bencode.AppendString([]byte("d"), "complete"), int64(complete))
	b = bencode.AppendInt(bencode.AppendString(b, "incomplete"), int64(incomplete))
	b = bencode.AppendInt(bencode.AppendString(b, "interval"), int64(hostInterval.Seconds()))
	b = bencode.AppendInt(bencode.AppendString(b, "min interval"), int64(announceInterval.Seconds()))
	if !q.compact {
		b = append(bencode.AppendString(b, "peers"), 'l')
		for _, p := range peers {
			b = q.entry(b, p)
		}
		return append(b, "ee"...)
	}
	var four, six []byte
	for _, p := range peers {
		port := []byte{byte(p.where.Port() >> 8), byte(p.where.Port())}
		if p.where.Addr().Is4() {
			four = append(append(four, p.where.Addr().AsSlice()...), port...)
		} else {
			six = append(append(six, p.where.Addr().AsSlice()...), port...)
		}
	}
	b = bencode.AppendString(bencode.AppendString(b, "peers"), four)
	if len(six) > 0 {
		b = bencode.AppendString(bencode.AppendString(b, "peers6"), six)
	}
	return append(b, 'e')
}

func (q query) entry(b []byte, p found) []byte {
	b = bencode.AppendString(bencode.AppendString(append(b, 'd'), "ip"), p.where.Addr().String())
	if !q.noID {
		b = bencode.AppendString(bencode.AppendString(b, "peer id"), p.id[:])
	}
	return append(bencode.AppendInt(bencode.AppendString(b, "port"), int64(p.where.Port())), 'e')
}
