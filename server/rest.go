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
