package verbs

import (
	"context"
	"errors"

	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// undo takes back what the same actor did: a follow, a like, a dislike, a boost. What it is
// about comes whole, or as an id only.
func (t *task) undo(ctx context.Context) error {
	inner, whole := t.activity.Inner("object")
	if whole && inner.Ref("actor") != "" && inner.Ref("actor") != t.received.Actor {
		return ignore("what is undone is another's")
	}
	if !whole {
		return t.undoByID(ctx, t.activity.Ref("object"))
	}
	switch inner.Type() {
	case "Follow":
		target, err := t.target(inner.Ref("object"))
		if err != nil {
			return err
		}
		return t.finish(ctx, false, func(s *social.Store) error { return s.Unfollow(ctx, target, t.received.Actor) })
	case "Like", "EmojiReact":
		return t.unreact(ctx, inner.ID(), "like", inner.Ref("object"))
	case "Dislike":
		return t.unreact(ctx, inner.ID(), "dislike", inner.Ref("object"))
	case "Announce":
		return t.unreact(ctx, inner.ID(), "boost", inner.Ref("object"))
	case "Block":
		return t.nothing(ctx)
	}
	return ignore("cannot undo a %q", inner.Type())
}

// unreact takes a reaction back: the one with that id, or, for senders that made a new id
// up, the actor's reaction of that kind.
func (t *task) unreact(ctx context.Context, id, kind, object string) error {
	video, comment, err := t.subject(ctx, object)
	if err != nil {
		return err
	}
	actor, err := t.social.Actor(ctx, t.received.Actor)
	if err != nil {
		return err
	}
	return t.finish(ctx, true, func(s *social.Store) error {
		err := s.Unreact(ctx, id, actor.URI)
		if errors.Is(err, lite.ErrNotFound) {
			err = s.UnreactTo(ctx, social.Reaction{Actor: actor.ID, Kind: kind, Video: video, Comment: comment})
		}
		return err
	})
}

func (t *task) undoByID(ctx context.Context, id string) error {
	follows, err := t.social.Follows(ctx, t.received.Actor)
	if err != nil {
		return err
	}
	for _, f := range follows {
		if f.Follow == id {
			return t.finish(ctx, false, func(s *social.Store) error { return s.Unfollow(ctx, f.Target, t.received.Actor) })
		}
	}
	return t.finish(ctx, true, func(s *social.Store) error { return s.Unreact(ctx, id, t.received.Actor) })
}
