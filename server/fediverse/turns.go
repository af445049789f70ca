package fediverse

import (
	"time"

	"github.com/tubelet/tubelet/fed/pace"
)

// turns bounds how often visitors can have us ask other servers: otherwise we would be a
// tool for knocking at their doors.
type turns struct {
	slots    chan struct{} // asked by all at the same moment
	visitors *pace.Turns[string]
}

func newTurns() *turns {
	return &turns{
		slots:    make(chan struct{}, 4),
		visitors: &pace.Turns[string]{Every: 12 * time.Second, AtOnce: 5, Most: 2048},
	}
}

// take reports whether it is the visitor's turn; done ends it.
func (t *turns) take(visitor string, now time.Time) (done func(), ok bool) {
	if !t.visitors.Take(visitor, now) {
		return nil, false
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, true
	default:
		return nil, false
	}
}
