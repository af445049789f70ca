package verbs

import (
	"context"
	"errors"

	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// delete removes what is the actor's own: a comment, a quote, a boost, or all of the actor.
func (t *task) delete(ctx context.Context) error {
	id := t.activity.Ref("object")
	if id == t.received.Actor {
		actor, err := t.social.Actor(ctx, id)
		if err != nil {
			return err
		}
		t.cfg.People.Forget(actor)
		return t.finish(ctx, true, func(s *social.Store) error { return s.DeleteActor(ctx, id) })
	}
	return t.remove(ctx, id, t.received.Actor)
}

func (t *task) remove(ctx context.Context, id, actor string) error {
	return t.finish(ctx, true, func(s *social.Store) error {
		if err := errors.Join(s.ForgetQuote(ctx, id, actor), s.ForgetDeeds(ctx, id, actor)); err != nil {
			return err
		}
		err := s.DeleteComment(ctx, id, actor)
		if errors.Is(err, lite.ErrNotFound) {
			err = s.Unreact(ctx, id, actor)
		}
		if errors.Is(err, lite.ErrNotFound) {
			return nil // most of what is deleted elsewhere was never here
		}
		return err
	})
}
