package tracker

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// crowd is the answer of Crowd.
type crowd struct {
	Joined    int `json:"joined"`    // viewers and mirrors in the swarm, who asks among them if it has joined
	Beginning int `json:"beginning"` // others who asked in the last seconds
}

// Crowd answers a player that shares and waits for the first seconds of a rendition,
// ?info_hash= in hexadecimal, on a slow line: who is there, and who waits as it does. Of a
// crowd that comes at once nobody has joined the swarm yet, and each begins otherwise where
// there are others. 404 means that the rendition is not shared, 429 that the address asks
// too often.
func (t *Tracker) Crowd(w http.ResponseWriter, r *http.Request) {
	h, err := metainfo.ParseHash(r.URL.Query().Get("info_hash"))
	if err != nil {
		http.Error(w, "info_hash must be 40 hexadecimal digits.", http.StatusBadRequest)
		return
	}
	addr, now := t.address(r), time.Now()
	if !t.may(now, addr) {
		http.Error(w, reasonOften, http.StatusTooManyRequests)
		return
	}
	if info, known := t.cfg.Find(h); !known || info.Room == nil || t.cfg.Coordinator == nil {
		t.mu.Lock()
		t.missed(addr)
		t.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	answer := crowd{Joined: t.cfg.Coordinator.Crowd(h.String())}
	t.mu.Lock()
	answer.Beginning = t.arrivals.meet(h, network(addr), now)
	t.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}

// arrivals are the addresses that began with a rendition in the last seconds.
type arrivals []arrival

type arrival struct {
	hash metainfo.Hash
	from netip.Addr
	at   time.Time
}

// meet remembers that an address begins with a rendition, and returns how many others do.
func (a *arrivals) meet(hash metainfo.Hash, from netip.Addr, now time.Time) (others int) {
	a.forget(now)
	*a = slices.DeleteFunc(*a, func(x arrival) bool { return x.hash == hash && x.from == from })
	for _, x := range *a {
		if x.hash == hash {
			others++
		}
	}
	if len(*a) < maxArrivals {
		*a = append(*a, arrival{hash, from, now})
	}
	return others
}

func (a *arrivals) forget(now time.Time) {
	*a = slices.DeleteFunc(*a, func(x arrival) bool { return now.Sub(x.at) > arrivalTime })
}
