package swarm

import (
	"math"
	"time"
)

// Rules are the scheduler's numbers. docs/sharing.md says what each is worth.
type Rules struct {
	Queue        time.Duration // promise no more than the origin sends in this time
	LookAhead    float64       // seconds before its play that a piece is scheduled
	CopyPenalty  float64       // seconds that a further copy stands behind a first one
	WishPenalty  float64       // seconds that a wish stands behind a first copy
	StandPenalty float64       // the same, for the piece without which a picture stands still
	MeetPenalty  float64       // more of them for what others have, while the viewer is still connecting to them
	Growth       float64       // seconds in which the number of copies can double
	Margin       float64       // seconds before the deadline when all should have it
	Patience     float64       // seconds of slack above which only a good giver gets a copy
	Fetching     float64       // weight in the pressure of a viewer that is fetching the piece from a peer
}

// DefaultRules are those of the server.
func DefaultRules() Rules {
	return Rules{
		Queue: 500 * time.Millisecond, LookAhead: 60, CopyPenalty: 5, WishPenalty: 5, StandPenalty: 2, MeetPenalty: 5,
		Growth: 2, Margin: 2, Patience: 25, Fetching: 1,
	}
}

const pressSteps = 10 // a second

// pressures is, by slack in tenths of a second, the number of copies that must exist now for
// one viewer that needs a piece then, if copies double every Growth seconds until Margin
// before the deadline. The last is 0.
func (r *Rules) pressures() []float32 {
	var table []float32
	for i := 0; ; i++ {
		late := max(0, float64(i)/pressSteps-r.Margin) / r.Growth
		if late > 14 || i > 100*pressSteps {
			return append(table, 0)
		}
		table = append(table, float32(math.Exp2(-late)))
	}
}
