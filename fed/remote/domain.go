package remote

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/time/rate"
)

// Domain returns what limits are for: the domain that somebody registered, since whoever has one
// has any number of hosts below it. Of an address without a name it is host itself.
func Domain(host string) string {
	name, _, _ := strings.Cut(host, ":")
	if _, err := netip.ParseAddr(name); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return domain
	}
	return host
}

// How often one registered domain is asked for anything. Strangers decide what we ask: without a
// limit they could have us knock at somebody's door.
const (
	asksPerSecond = 10
	asksAtOnce    = 300
	remembered    = 2048 // domains
)

// pace bounds how often each domain is asked.
type pace struct {
	mu      sync.Mutex
	domains map[string]*rate.Limiter
}

func (p *pace) allow(host string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	domain := Domain(host)
	limiter, known := p.domains[domain]
	if !known {
		if len(p.domains) >= remembered {
			p.forget(now)
		}
		limiter = rate.NewLimiter(asksPerSecond, asksAtOnce)
		p.domains[domain] = limiter
	}
	return limiter.AllowN(now, 1)
}

// forget drops domains that were not asked lately, and, were that too few, all.
func (p *pace) forget(now time.Time) {
	for domain, limiter := range p.domains {
		if limiter.TokensAt(now) >= asksAtOnce {
			delete(p.domains, domain)
		}
	}
	if len(p.domains) >= remembered {
		clear(p.domains)
	}
}
