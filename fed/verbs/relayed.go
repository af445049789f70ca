package verbs

import (
	"context"
	"errors"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// relayed works on what a server passes on of somebody elsewhere, as PeerTube does with
// comments. Its word is only a hint: what counts is what the object's own server says.
func (t *task) relayed(ctx context.Context) error {
	id := t.activity.Ref("object")
	if !t.activity.Is("Create", "Update", "Delete") || !remote.SameHost(id, t.activity.Ref("actor")) {
		return ignore("a third cannot say this")
	}
	known, err := t.social.CommentByURI(ctx, id)
	if err != nil && !errors.Is(err, lite.ErrNotFound) {
		return err
	}
	if t.activity.Is("Delete") && err != nil {
		return ignore("what is deleted was never here")
	}
	object, err := t.fetch(ctx, id)
	status, answered := errors.AsType[*remote.StatusError](err)
	gone := answered && status.Gone() || err == nil && object.Is("Tombstone")
	if t.activity.Is("Delete") && gone && known.ActorURI != "" {
		return t.finish(ctx, true, func(s *social.Store) error { return s.DeleteComment(ctx, known.URI, known.ActorURI) })
	}
	if err != nil {
		return err
	}
	if t.activity.Is("Delete") {
		return ignore("its own server still has it")
	}
	return t.believe(ctx, object)
}

// believe takes a note that was fetched from its own server.
func (t *task) believe(ctx context.Context, note vocab.Object) error {
	if !remote.SameHost(note.ID(), note.Ref("attributedTo")) {
		return ignore("the note is not its author's")
	}
	return t.take(ctx, note)
}
