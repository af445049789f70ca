package verbs

import (
	"context"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/store/social"
)

// maxFollowers is how many of one registered domain, with all hosts below it, may follow one of
// our actors. Beyond that are hardly people; and each would be a row.
const maxFollowers = 5000

// target returns which of our actors an id names.
func (t *task) target(id string) (social.Target, error) {
	switch id {
	case t.site.Person():
		return social.Person, nil
	case t.site.Group():
		return social.Group, nil
	}
	return "", ignore("the object is no actor of ours")
}

// follow takes a Follow in, and accepts it unless the creator wants to look first.
func (t *task) follow(ctx context.Context) error {
	id := t.activity.Ref("object")
	target, err := t.target(id)
	if err != nil {
		return err
	}
	actor, _, err := t.actor(ctx, t.received.Actor)
	if err != nil {
		return err
	}
	return t.finish(ctx, false, func(s *social.Store) error {
		many, err := s.FollowersAt(ctx, target, remote.Domain(actor.Host))
		if err != nil {
			return err
		}
		if many >= maxFollowers {
			return t.send(ctx, s, target, t.site.Answer("Reject", id, t.activity.ID(), actor.URI, t.now), actor)
		}
		accepted, err := s.Follow(ctx, target, actor.ID, t.activity.ID(), !t.site.Approve, t.now)
		if err != nil || !accepted {
			return err
		}
		return t.send(ctx, s, target, t.site.Answer("Accept", id, t.activity.ID(), actor.URI, t.now), actor)
	})
}
