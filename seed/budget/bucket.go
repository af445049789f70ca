package budget

import "time"

// bucket keeps the rate. It allows a small burst after idleness, since a large one would
// start every queued answer at once; while somebody waits it may catch up on late timers.
type bucket struct {
	rate float64   // bytes a second; 0: no limit
	next time.Time // when the next byte may leave
}

const (
	idleCredit = 10 * time.Millisecond
	lateCredit = 250 * time.Millisecond
)

// wait is how long the next part must wait.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.rate <= 0 {
		return 0
	}
	return max(0, b.next.Sub(now))
}

// spend takes n bytes. busy says that the line was not empty since the last call, so that
// time that passed is owed rather than idle.
func (b *bucket) spend(now time.Time, n int, busy bool) {
	if b.rate <= 0 {
		return
	}
	credit := idleCredit
	if busy {
		credit = lateCredit
	}
	if oldest := now.Add(-credit); b.next.Before(oldest) {
		b.next = oldest
	}
	b.next = b.next.Add(time.Duration(float64(n) / b.rate * float64(time.Second)))
}

// set changes the rate; bytes already owed stay owed.
func (b *bucket) set(now time.Time, rate float64) {
	if rate == b.rate {
		return
	}
	if owed := b.next.Sub(now); owed > 0 && b.rate > 0 && rate > 0 {
		b.next = now.Add(time.Duration(float64(owed) * b.rate / rate))
	} else {
		b.next = now
	}
	b.rate = rate
}
