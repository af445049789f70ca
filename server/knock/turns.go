package knock

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often anybody is answered.
const (
	every      = time.Minute     // one address, after its first few
	everyAll   = 2 * time.Second // all together
	allAtOnce  = 16
	remembered = 1024 // addresses
)

// turns bounds how often each address is answered, and all together.
type turns struct {
	few int

	mu    sync.Mutex
	all   *rate.Limiter
	rates map[netip.Addr]*rate.Limiter
}

func newTurns(few int) *turns {
	return &turns{few: few, all: rate.NewLimiter(rate.Every(everyAll), allAtOnce), rates: map[netip.Addr]*rate.Limiter{}}
}

// take reports whether it is the turn of an address. A household with IPv6 has a whole /64
// of them, which count as one.
func (t *turns) take(ip netip.Addr, now time.Time) bool {
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			ip = prefix.Addr()
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, known := t.rates[ip]
	if !known {
		if len(t.rates) >= remembered {
			t.forget(now)
		}
		if len(t.rates) >= remembered {
			return false // a flood from everywhere: it is not for us to serve it
		}
		limiter = rate.NewLimiter(rate.Every(every), t.few)
		t.rates[ip] = limiter
	}
	return limiter.AllowN(now, 1) && t.all.AllowN(now, 1)
}

// forget drops the addresses that have all their turns back.
func (t *turns) forget(now time.Time) {
	for ip, limiter := range t.rates {
		if limiter.TokensAt(now) >= float64(t.few) {
			delete(t.rates, ip)
		}
	}
}
