package verbs

import (
	"context"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// quote allows a quote of a video or of an answer of the creator's (FEP-044f) and says so, or
// refuses it where the creator wants no quotes. The quoting object has to be the asker's.
func (t *task) quote(ctx context.Context) error {
	quote, err := t.quoted(ctx, t.activity.Ref("object"))
	if err != nil {
		return err
	}
	quote.Quote = t.activity.Ref("instrument")
	if !remote.SameHost(quote.Quote, t.received.Actor) || len(quote.Quote) > 2000 {
		return ignore("the quote is not of its asker's host")
	}
	actor, _, err := t.actor(ctx, t.received.Actor)
	if err != nil {
		return err
	}
	quote.Actor = actor.URI
	return t.finish(ctx, false, func(s *social.Store) error {
		if t.site.NoQuotes {
			return t.send(ctx, s, social.Person, t.site.RejectQuote(t.activity, actor.URI, t.now), actor)
		}
		number, err := s.AllowQuote(ctx, quote, t.now)
		if err != nil {
			return err
		}
		return t.send(ctx, s, social.Person, t.site.AcceptQuote(number, t.activity, actor.URI, t.now), actor)
	})
}

// quoted returns what an id names that may be quoted.
func (t *task) quoted(ctx context.Context, id string) (social.Quote, error) {
	at, found, err := t.find(ctx, id)
	if err != nil {
		return social.Quote{}, err
	}
	if _, own := t.ours(id); !found || !own {
		return social.Quote{}, ignore("%s is nothing of ours", vocab.Clean(id, 100))
	}
	return social.Quote{Video: at.video.ID, Comment: at.parent}, nil
}
