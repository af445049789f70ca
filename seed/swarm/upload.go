package swarm

import (
	"math"
	"time"
)

const (
	hope        = 375_000 // bytes a second that an unproven viewer is hoped to give
	proofWindow = 2 * time.Second
	proofMost   = 12_500_000 // bytes a second that anybody is believed
	proofFade   = 0.1        // of the difference, each window in which less was seen
	silentFade  = 0.25       // the same, for one that was given something and passes nothing on
	blamedFade  = 0.5        // the same, while others wait for what it alone could give
	recentFor   = 10.0       // seconds over which leased bytes are remembered
)

// upload is what a peer has been seen to pass on, by what its receivers report. The owner's
// own word counts nothing.
type upload struct {
	rate   float64 // bytes a second, believed
	proven bool
	bytes  float64 // in this window
	began  time.Time
	recent float64 // bytes leased to it lately, fading
	faded  time.Time
	blamed time.Time // somebody connected waits for what it holds and few others do
}

func newUpload(now time.Time) upload {
	return upload{rate: hope, began: now, faded: now}
}

func (u *upload) got(bytes int64) {
	u.bytes += float64(max(0, min(bytes, proofMost)))
}

// roll ends a window when it is over. Less than before, or nothing, counts against it only
// when somebody in its swarm was short of pieces: else there was no more to give. It reports
// whether the rate changed.
func (u *upload) roll(now time.Time, short bool) bool {
	length := now.Sub(u.began)
	if length < proofWindow {
		return false
	}
	rate := min(u.bytes/length.Seconds(), proofMost)
	asked := short && u.leased(now) > 0
	fade := proofFade
	if now.Sub(u.blamed) < shortFor {
		fade = blamedFade
	}
	old := u.rate
	switch {
	case rate >= u.rate:
		u.rate, u.proven = rate, true
	case rate > 0:
		if (short || fade > proofFade) && !u.proven {
			u.rate = (u.rate + rate) / 2 // hope gives way to the first proof
		} else if short || fade > proofFade {
			u.rate += (rate - u.rate) * fade
		}
		u.proven = true
	case asked:
		u.rate -= u.rate * silentFade
	}
	u.bytes, u.began = 0, now
	return u.rate != old
}

// leased is the number of bytes leased to it in about the last ten seconds.
func (u *upload) leased(now time.Time) float64 {
	if passed := now.Sub(u.faded).Seconds(); passed > 0 {
		u.recent *= math.Exp(-passed / recentFor * 2)
		u.faded = now
		if u.recent < 1000 {
			u.recent = 0
		}
	}
	return u.recent
}
