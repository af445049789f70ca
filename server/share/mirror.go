package share

import (
	"context"
	"errors"

	"github.com/tubelet/tubelet/store"
)

// known is how many mirrors are remembered to be written down. A crowd of made-up ones only
// makes us write them again.
const known = 256

// mirror is tracker.Config.MirrorAllowed: a mirror that comes is written down, so that the
// creator sees it and can refuse it. It is asked again and again while the mirror is there.
func (s *Share) mirror(id, name string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	s.mu.Lock()
	seen := s.mirrors[id]
	if len(s.mirrors) >= known {
		clear(s.mirrors)
	}
	s.mirrors[id] = true
	s.mu.Unlock()
	var refused bool
	var err error
	if seen {
		refused, err = s.cfg.Store.MirrorRefused(ctx, id)
	} else {
		refused, err = s.cfg.Store.SeeMirror(ctx, store.Mirror{ID: id, Name: name})
	}
	if err != nil {
		s.cfg.Log.Warn("mirror not looked up", "err", err)
		return false
	}
	return !refused
}

// seeMirrors writes down which mirrors are there now.
func (s *Share) seeMirrors(ctx context.Context) error {
	var errs []error
	for _, m := range s.tracker.Stats().Mirrors {
		_, err := s.cfg.Store.SeeMirror(ctx, store.Mirror{ID: m.ID, Name: m.Name, URL: m.URL})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
