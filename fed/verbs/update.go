package verbs

import (
	"context"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// update takes over what the owner changed: an actor's own description, or a comment.
func (t *task) update(ctx context.Context) error {
	if t.activity.Ref("object") == t.received.Actor {
		if _, err := t.social.Actor(ctx, t.received.Actor); err != nil {
			return err
		}
		// Not what came is believed, but what its server says.
		actor, err := t.cfg.People.Refresh(ctx, t.received.Actor)
		if err != nil {
			return err
		}
		if err := t.finish(ctx, false, func(*social.Store) error { return nil }); err != nil {
			return err
		}
		t.portraits(ctx, []social.Actor{actor})
		return nil
	}
	note, err := t.own(ctx)
	if err != nil {
		return err
	}
	return t.take(ctx, note)
}

// edit changes a comment that is known. One that is no longer for everybody goes, and
// one that the creator wants to look at first is held again.
func (t *task) edit(ctx context.Context, known social.Comment, note vocab.Object) error {
	owner := note.Ref("attributedTo")
	if known.ActorURI == "" || known.ActorURI != owner {
		return ignore("the comment is another's")
	}
	if !note.Is("Note") || !note.IsPublic() {
		return t.finish(ctx, true, func(s *social.Store) error { return s.DeleteComment(ctx, known.URI, owner) })
	}
	html := t.sanitize(note.Text("content"))
	if html == "" {
		return ignore("the note is empty")
	}
	if html == known.HTML {
		return t.finish(ctx, false, func(*social.Store) error { return nil })
	}
	actor, _, err := t.actor(ctx, owner)
	if err != nil {
		return err
	}
	video, err := t.cfg.Store.Video(ctx, known.Video)
	if err != nil {
		return err
	}
	state, err := t.state(ctx, video, actor, html)
	if err != nil {
		return err
	}
	return t.finish(ctx, true, func(s *social.Store) error {
		if err := s.EditComment(ctx, known.URI, owner, html, t.now); err != nil || known.State != social.Shown || state == social.Shown {
			return err
		}
		return s.SetCommentState(ctx, known.ID, state)
	})
}
