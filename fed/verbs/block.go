package verbs

import (
	"context"

	"github.com/tubelet/tubelet/store/social"
)

// block hears that somebody wants nothing of us: they no longer follow.
func (t *task) block(ctx context.Context) error {
	target, err := t.target(t.activity.Ref("object"))
	if err != nil {
		return err
	}
	return t.finish(ctx, false, func(s *social.Store) error { return s.Unfollow(ctx, target, t.received.Actor) })
}
