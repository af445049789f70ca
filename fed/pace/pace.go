// Package pace bounds how often each of many may do something: an address, a visitor, a
// domain. Whoever has been away for long has a few turns at once, and gets one back at a time: a
// token bucket for each, of which only the moment is kept at which it is full again.
//
// What is remembered is bounded too, since strangers decide how many they are.
package pace

import (
	"sync"
	"time"
)

// Turns counts the turns of each key. Its fields are set before its first use; it may be
// used by several goroutines.
type Turns[K comparable] struct {
	Every  time.Duration // brings back one turn
	AtOnce int           // turns of who has not been here for long
	Most   int           // keys that are remembered

	// Closed says that nobody new has a turn while Most others wait for theirs. Without it
	// everybody is forgotten then, and begins anew.
	Closed bool

	mu   sync.Mutex
	full map[K]time.Time // when all turns are back
}

// Take reports whether key has a turn, and takes it.
func (t *Turns[K]) Take(key K, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	full, known := t.full[key]
	if !known && !t.room(now) {
		return false
	}
	if full.Before(now) {
		full = now
	}
	all := now.Add(time.Duration(t.AtOnce) * t.Every)
	if full.After(all) {
		full = all // the clock was set back: nobody waits longer than from nothing
	}
	next := full.Add(t.Every)
	ok := !next.After(all)
	if ok {
		full = next
	}
	t.full[key] = full
	return ok
}

// room reports whether another key can be remembered.
func (t *Turns[K]) room(now time.Time) bool {
	if t.full == nil {
		t.full = map[K]time.Time{}
	}
	if len(t.full) < t.Most {
		return true
	}
	for key, full := range t.full {
		if !full.After(now) {
			delete(t.full, key)
		}
	}
	if len(t.full) >= t.Most && !t.Closed {
		clear(t.full)
	}
	return len(t.full) < t.Most
}
