package inbox

import (
	"time"

	"github.com/tubelet/tubelet/fed/pace"
)

// limits counts what each address and domain sends. A server of a million people that all
// like one video at once is slowed down, and tries again: nothing is lost.
type limits struct {
	requests   *pace.Turns[string] // of an address
	activities *pace.Turns[string] // of a registered domain
	fetches    *pace.Turns[string] // of unknown keys, for an address
}

func newLimits() limits {
	const remembered = 4096
	return limits{
		requests:   &pace.Turns[string]{Every: time.Second / 50, AtOnce: 300, Most: remembered},
		activities: &pace.Turns[string]{Every: time.Second / 20, AtOnce: 1000, Most: remembered},
		fetches:    &pace.Turns[string]{Every: time.Minute / 10, AtOnce: 10, Most: remembered},
	}
}
