package fediverse

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often visitors can have us ask other servers.
const (
	askEvery   = 12 * time.Second // by one address, after a few at once
	askAtOnce  = 5
	asking     = 4    // by all, at the same moment
	remembered = 2048 // addresses
)

// turns bounds how often visitors can have us ask other servers: otherwise we would be a
// tool for knocking at their doors.
type turns struct {
	slots chan struct{}

	mu    sync.Mutex
	rates map[string]*rate.Limiter
}

func newTurns() *turns {
	return &turns{slots: make(chan struct{}, asking), rates: map[string]*rate.Limiter{}}
}

// take reports whether it is the visitor's turn; done ends it.
func (t *turns) take(visitor string, now time.Time) (done func(), ok bool) {
	if !t.allowed(visitor, now) {
		return nil, false
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, true
	default:
		return nil, false
	}
}

func (t *turns) allowed(visitor string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, known := t.rates[visitor]
	if !known {
		if len(t.rates) >= remembered {
			t.forget(now)
		}
		limiter = rate.NewLimiter(rate.Every(askEvery), askAtOnce)
		t.rates[visitor] = limiter
	}
	return limiter.AllowN(now, 1)
}

// forget drops visitors who have all their turns back, and, were that too few, all.
func (t *turns) forget(now time.Time) {
	for visitor, limiter := range t.rates {
		if limiter.TokensAt(now) >= askAtOnce {
			delete(t.rates, visitor)
		}
	}
	if len(t.rates) >= remembered {
		clear(t.rates)
	}
}
