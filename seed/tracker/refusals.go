package tracker

import (
	"net/netip"
	"time"
)

// refusals are the mirrors that were turned away lately, the last of each address. They are
// not kept with the visitors, of whom there are many, and who are soon forgotten.
type refusals map[netip.Addr]refusedMirror

type refusedMirror struct {
	id string
	at time.Time
}

// add remembers that a mirror was turned away. When there are too many the oldest goes: who
// has so many addresses could come from another one anyway.
func (r refusals) add(now time.Time, addr netip.Addr, id string) {
	addr = network(addr)
	if _, ok := r[addr]; !ok && len(r) >= maxRefusals {
		var oldest netip.Addr
		first := true
		for other, m := range r {
			if first || m.at.Before(r[oldest].at) {
				oldest, first = other, false
			}
		}
		delete(r, oldest)
	}
	r[addr] = refusedMirror{id, now}
}

// holds reports whether mirrors of an address are still unwelcome.
func (r refusals) holds(now time.Time, addr netip.Addr) bool {
	m, ok := r[network(addr)]
	return ok && now.Sub(m.at) < refusedFor
}

// forgive ends a refusal if it was of this mirror.
func (r refusals) forgive(addr netip.Addr, id string) {
	if r[network(addr)].id == id {
		delete(r, network(addr))
	}
}

// expire forgets what is over.
func (r refusals) expire(now time.Time) {
	for addr, m := range r {
		if now.Sub(m.at) >= refusedFor {
			delete(r, addr)
		}
	}
}
