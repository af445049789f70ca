package inbox

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often. A server of a million people that all like one video at once is slowed down,
// and tries again: nothing is lost.
const (
	requestsPerSecond   = 50 // of one address
	requestsAtOnce      = 300
	activitiesPerSecond = 20 // of one registered domain
	activitiesAtOnce    = 1000
	fetchesPerMinute    = 10 // of unknown keys, for one address
	remembered          = 4096
)

// limits counts what each address and domain sends.
type limits struct {
	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newLimits() *limits { return &limits{limiters: map[string]*rate.Limiter{}} }

func (l *limits) request(caller string, now time.Time) bool {
	return l.allow("r "+caller, requestsPerSecond, requestsAtOnce, now)
}

func (l *limits) activity(domain string, now time.Time) bool {
	return l.allow("a "+domain, activitiesPerSecond, activitiesAtOnce, now)
}

func (l *limits) fetch(caller string, now time.Time) bool {
	return l.allow("f "+caller, rate.Limit(fetchesPerMinute)/60, fetchesPerMinute, now)
}

func (l *limits) allow(who string, per rate.Limit, burst int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, known := l.limiters[who]
	if !known {
		if len(l.limiters) >= remembered {
			l.forget(now)
		}
		limiter = rate.NewLimiter(per, burst)
		l.limiters[who] = limiter
	}
	return limiter.AllowN(now, 1)
}

// forget drops those whose counters are full again, and, were that too few, all.
func (l *limits) forget(now time.Time) {
	for who, limiter := range l.limiters {
		if limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(l.limiters, who)
		}
	}
	if len(l.limiters) >= remembered {
		clear(l.limiters)
	}
}
