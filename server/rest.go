package server

import (
	"context"
	"errors"
	"time"

	"github.com/tubelet/tubelet/server/idle"
)

const (
	quiet = 20 * time.Second // how long hardly anybody asks for anything until memory is given back
	few   = 20               // requests in that time: a film being watched, or a monitor
	begun = 5 * time.Second  // from the start, which touches everything once, to the first look

	clockEvery = 5 * time.Second // between two looks at the clock
	wrongClock = time.Minute     // below that a clock is only kept right

	maintained = 24 * time.Hour   // between two rounds of maintenance
	settled    = 10 * time.Minute // from the start to the first, for machines that run by the hour
)

// maintain does once a day what the database wants. A round that fails is no reason to
// stop: the next may do.
func (s *site) maintain(ctx context.Context) error {
	timer := time.NewTimer(settled)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			if err := s.store.Maintain(ctx, time.Now()); err != nil && ctx.Err() == nil {
				s.log.Error("maintenance put off", "err", err)
			}
			timer.Reset(maintained)
		}
	}
}

// heedClock sees when the clock was set back while the server runs. What was put off under the
// clock of before would wait for as long as that went back, a day perhaps, so it happens now;
// package work sees to its jobs by itself.
func (s *site) heedClock(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		back := setBack(last, now)
		if back > wrongClock {
			if err := s.store.Social().Recall(ctx, now, now); err != nil && ctx.Err() == nil {
				s.log.Error("clock was set back, and what was put off stays so", "by", back, "err", err)
				continue // to try again
			}
			s.log.Warn("clock was set back", "by", back.Round(time.Second))
		}
		last = now
	}
}

// setBack returns how far the clock on the wall fell behind the time that has passed.
func setBack(last, now time.Time) time.Duration {
	return now.Sub(last) - now.Round(0).Sub(last.Round(0)) // without the reading that no setting changes
}

// rest gives memory back to the system when visitors have gone. Go keeps what a busy
// minute took, for the next one; on a machine of one gigabyte that also transcodes, others
// need it more.
func (s *site) rest(ctx context.Context) error {
	timer := time.NewTimer(begun)
	defer timer.Stop()
	seen, rested := s.requests.Load(), false // the start itself took some
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			now := s.requests.Load()
			calm := now-seen <= few
			if calm && !rested {
				s.release(ctx)
			}
			rested, seen = calm, now
			timer.Reset(quiet)
		}
	}
}

// release gives back what nobody wants now.
func (s *site) release(ctx context.Context) {
	err := s.store.Rest(ctx)
	if err = errors.Join(err, idle.Release()); err != nil && ctx.Err() == nil {
		s.log.Warn("memory kept", "err", err)
	}
}
