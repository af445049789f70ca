package share

import (
	"context"

	"github.com/tubelet/tubelet/store"
)

// mirror is tracker.Config.MirrorAllowed: a mirror that comes is written down, so that the
// creator sees it and can refuse it.
func (s *Share) mirror(id, name string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	refused, err := s.cfg.Store.SeeMirror(ctx, store.Mirror{ID: id, Name: name})
	if err != nil {
		s.cfg.Log.Warn("mirror not written down", "err", err)
		return false
	}
	return !refused
}
