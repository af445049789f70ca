package budget

import "time"

// shortage remembers when players last had to wait for the line.
type shortage struct {
	last time.Time
}

const (
	shortStart = 500 * time.Millisecond // a start that waits longer
	shortPlain = 2 * time.Second        // a plain player that waits longer
	shortQueue = 2 * time.Second        // promised bytes that need longer
	shortFor   = 10 * time.Second
)

// see looks at a ticket that leaves.
func (s *shortage) see(now time.Time, t *Ticket) {
	waited := now.Sub(t.since)
	late := false
	switch t.Claim.Class {
	case Start:
		late = waited > shortStart
	case Leased:
		late = now.After(t.deadline) && waited > shortStart
	case Plain:
		late = waited > shortPlain
	}
	if late {
		s.last = now
	}
}

func (s *shortage) is(now time.Time) bool {
	return !s.last.IsZero() && now.Sub(s.last) < shortFor
}
