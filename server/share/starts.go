package share

import (
	"sync"
	"time"
)

const (
	startWindow = 10 * time.Second
	startsEach  = 2       // of one address in a window: a second tab, or a second viewer at home
	startsAll   = 1 << 14 // addresses remembered in a window
)

// starts limits whose bytes count as the first of a viewer, and so go before all others.
type starts struct {
	mu     sync.Mutex
	window int64
	seen   map[string]int
}

func newStarts() *starts { return &starts{seen: map[string]int{}} }

// allow reports whether a start by address may be believed.
func (s *starts) allow(address string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if window := now.UnixNano() / int64(startWindow); window != s.window {
		s.window = window
		clear(s.seen)
	}
	if s.seen[address] >= startsEach || len(s.seen) >= startsAll {
		return false
	}
	s.seen[address]++
	return true
}
