package server

import (
	"context"
	"runtime/debug"
	"time"
)

// quiet is how long nobody asks for anything until memory is given back.
const quiet = 20 * time.Second

// rest gives memory back to the system when visitors have gone. Go keeps what a busy
// minute took, for the next one; on a machine of one gigabyte that also transcodes, others
// need it more.
func (s *site) rest(ctx context.Context) error {
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	seen, rested := s.requests.Load(), false // the start itself took some
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			now := s.requests.Load()
			if now == seen && !rested {
				debug.FreeOSMemory()
			}
			rested, seen = now == seen, now
		}
	}
}
