package verbs

import (
	"context"
	"slices"

	"github.com/tubelet/tubelet/store/social"
)

// move hears that an actor has another address now. Who followed from the old one follows anew
// from there by themselves; what matters is not to be fooled: the new one has to name the
// old.
func (t *task) move(ctx context.Context) error {
	if t.activity.Ref("object") != t.received.Actor {
		return ignore("who moves is another")
	}
	object, err := t.fetch(ctx, t.activity.Ref("target"))
	if err != nil {
		return err
	}
	if !slices.Contains(object.Refs("alsoKnownAs"), t.received.Actor) {
		return ignore("the new actor does not name the old")
	}
	return t.finish(ctx, false, func(s *social.Store) error { return nil })
}
