package verbs

import (
	"context"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/store/social"
)

// quote allows a quote of a video (FEP-044f) and says so. The quoting object has to be the
// asker's.
func (t *task) quote(ctx context.Context) error {
	video, err := t.video(ctx, t.activity.Ref("object"))
	if err != nil {
		return err
	}
	instrument := t.activity.Ref("instrument")
	if !remote.SameHost(instrument, t.received.Actor) || len(instrument) > 2000 {
		return ignore("the quote is not of its asker's host")
	}
	actor, _, err := t.actor(ctx, t.received.Actor)
	if err != nil {
		return err
	}
	return t.finish(ctx, false, func(s *social.Store) error {
		number, err := s.AllowQuote(ctx, social.Quote{Quote: instrument, Actor: actor.URI, Video: video.ID}, t.now)
		if err != nil {
			return err
		}
		return t.send(ctx, s, social.Person, t.site.AcceptQuote(number, t.activity, actor.URI, t.now), actor)
	})
}
