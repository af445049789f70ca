package share

import (
	"slices"
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

// arrivals remembers who began to watch what lately: the viewers of a crowd that comes at
// once, before they have joined a swarm.
type arrivals struct {
	mu  sync.Mutex
	all []arrival // oldest first
}

type arrival struct {
	hash, address string
	at            time.Time
}

const (
	arrivalFor   = 4 * time.Second // after which who shares has joined
	arrivalsMost = 4096
)

// note remembers that an address began with a rendition.
func (a *arrivals) note(hash, address string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) < arrivalsMost {
		a.all = append(a.all, arrival{hash, address, now})
	}
}

// others is how many addresses but this one began with a rendition lately.
func (a *arrivals) others(hash, address string, now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = slices.DeleteFunc(a.all, func(x arrival) bool { return now.Sub(x.at) > arrivalFor })
	seen := map[string]bool{}
	for _, x := range a.all {
		if x.hash == hash && x.address != address {
			seen[x.address] = true
		}
	}
	return len(seen)
}
