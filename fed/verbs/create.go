package verbs

import (
	"context"
	"errors"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// create takes in a note that answers a video or a comment.
func (t *task) create(ctx context.Context) error {
	note, err := t.own(ctx)
	if err != nil {
		return err
	}
	return t.take(ctx, note)
}

// own returns the object of an activity, which has to be the actor's. One that is only named is
// fetched.
func (t *task) own(ctx context.Context) (vocab.Object, error) {
	object, whole := t.activity.Inner("object")
	// What waited for another try may be gone by now: its Delete came meanwhile, and found nothing.
	if !whole || t.received.Attempts > 0 {
		var err error
		if object, err = t.fetch(ctx, t.activity.Ref("object")); err != nil {
			return nil, err
		}
	}
	if object.Ref("attributedTo") != t.received.Actor || !remote.SameHost(object.ID(), t.received.Actor) {
		return nil, ignore("the object is not its actor's")
	}
	return object, nil
}

// take stores a note as a comment, with those above it that we do not have yet.
func (t *task) take(ctx context.Context, note vocab.Object) error {
	known, err := t.social.CommentByURI(ctx, note.ID())
	if err == nil && known.ActorURI != "" && known.ActorURI != note.Ref("attributedTo") {
		return t.contest(ctx, known, note)
	}
	if err == nil {
		return t.edit(ctx, known, note)
	}
	if !errors.Is(err, lite.ErrNotFound) {
		return err
	}
	if err := isComment(note); err != nil {
		return err
	}
	place, above, err := t.climb(ctx, note)
	if err != nil {
		return err
	}
	var list []social.Comment
	var people []social.Actor
	for _, n := range append(above, note) {
		comment, actor, err := t.comment(ctx, place.video, n)
		if err != nil {
			return err
		}
		list, people = append(list, comment), append(people, actor)
	}
	err = t.finish(ctx, true, func(s *social.Store) error { return addThread(ctx, s, list, place.parent) })
	if err == nil {
		t.portraits(ctx, people)
	}
	return err
}

// contest settles whose a note is that two actors of a host call theirs: what their server
// shows at its address counts, so that nobody holds the place of what another is about to write.
func (t *task) contest(ctx context.Context, known social.Comment, note vocab.Object) error {
	origin, err := t.fetch(ctx, known.URI)
	if err != nil {
		return err
	}
	if origin.ID() != known.URI || origin.Ref("attributedTo") != note.Ref("attributedTo") {
		return ignore("the comment is another's")
	}
	err = t.social.Together(ctx, true, func(s *social.Store) error { return s.DeleteComment(ctx, known.URI, known.ActorURI) })
	if err != nil {
		return err
	}
	return t.take(ctx, origin)
}

func addThread(ctx context.Context, s *social.Store, list []social.Comment, parent int64) error {
	for _, comment := range list {
		comment.Parent = parent
		id, _, err := s.AddComment(ctx, comment)
		if err != nil {
			return err
		}
		parent = id
	}
	return nil
}

// isComment checks what a note must be to be shown under a video.
func isComment(note vocab.Object) error {
	if !note.Is("Note") {
		return ignore("a %s is no comment", vocab.Clean(note.Type(), 30))
	}
	if !note.IsPublic() {
		return ignore("the note is not for everybody")
	}
	if note.Ref("inReplyTo") == "" {
		return ignore("the note answers nothing")
	}
	return nil
}

// place is where a comment belongs.
type place struct {
	video  store.Video
	parent int64
}

// climb follows what a note answers up to a video or to a comment that we have. It returns
// the notes between, from above, as their own servers tell them.
func (t *task) climb(ctx context.Context, note vocab.Object) (place, []vocab.Object, error) {
	var above []vocab.Object
	seen := map[string]bool{note.ID(): true}
	for id := note.Ref("inReplyTo"); ; {
		at, found, err := t.find(ctx, id)
		if err != nil || found {
			return at, above, err
		}
		if seen[id] {
			return place{}, nil, ignore("the thread goes round")
		}
		seen[id] = true
		parent, err := t.fetch(ctx, id)
		if err != nil {
			return place{}, nil, err
		}
		if err := isComment(parent); err != nil {
			return place{}, nil, err
		}
		if !remote.SameHost(parent.ID(), parent.Ref("attributedTo")) {
			return place{}, nil, ignore("a note above is not its author's")
		}
		seen[parent.ID()] = true
		above = append([]vocab.Object{parent}, above...)
		id = parent.Ref("inReplyTo")
	}
}

// find looks for what a note answers among what we have.
func (t *task) find(ctx context.Context, id string) (at place, found bool, err error) {
	comment, err := t.social.CommentByURI(ctx, id)
	if err == nil {
		video, err := t.cfg.Store.Video(ctx, comment.Video)
		if err == nil && !video.Listed() {
			err = ignore("video %s is not public", video.ID)
		}
		return place{video, comment.ID}, true, err
	}
	if !errors.Is(err, lite.ErrNotFound) {
		return place{}, false, err
	}
	if _, own := t.ours(id); !own {
		return place{}, false, nil
	}
	video, err := t.video(ctx, id)
	return place{video: video}, true, err
}

// comment makes a comment of a note.
func (t *task) comment(ctx context.Context, video store.Video, note vocab.Object) (social.Comment, social.Actor, error) {
	actor, muted, err := t.actor(ctx, note.Ref("attributedTo"))
	if err != nil {
		return social.Comment{}, actor, err
	}
	html := t.sanitize(note.Text("content"))
	if html == "" {
		return social.Comment{}, actor, ignore("the note is empty")
	}
	state, err := t.state(ctx, video, actor, html)
	if err != nil {
		return social.Comment{}, actor, err
	}
	if muted {
		state = social.Hidden
	}
	comment := social.Comment{
		Video: video.ID, Actor: actor.ID, URI: note.ID(), URL: page(note), Name: actor.Name, Acct: actor.Acct, ProfileURL: actor.URL,
		HTML: html, State: state, PublishedAt: past(note.Time("published"), t.now), EditedAt: time.Time{},
	}
	if actor.Avatar != "" {
		comment.Avatar = "/avatars/" + actor.Avatar
	}
	return comment, actor, nil
}

// state decides who sees a comment.
func (t *task) state(ctx context.Context, video store.Video, actor social.Actor, html string) (social.State, error) {
	rule := video.Commenting
	if rule == "" {
		var err error
		if rule, err = t.cfg.Store.Setting(ctx, "comments"); err != nil {
			return "", err
		}
	}
	switch {
	case rule == "closed":
		return "", ignore("comments on video %s are closed", video.ID)
	case rule == "approve", rule == "links" && t.links(html, actor):
		return social.Held, nil
	}
	return social.Shown, nil
}

// page returns where people read a note: on its own host only.
func page(note vocab.Object) string {
	if address := note.Ref("url"); remote.SameHost(address, note.ID()) && len(address) < 2000 {
		return address
	}
	return note.ID()
}

// past returns a moment that others tell, which cannot be unknown or lie ahead.
func past(at, now time.Time) time.Time {
	if at.IsZero() || at.After(now) {
		return now
	}
	return at
}

// portraits fetches the avatars of those who are shown now. Without one they are shown all
// the same.
func (t *task) portraits(ctx context.Context, people []social.Actor) {
	if t.cfg.Portrait == nil {
		return
	}
	for _, actor := range people {
		if actor.Avatar != "" || actor.AvatarURL == "" || t.fetching() != nil {
			continue
		}
		if err := t.cfg.Portrait(ctx, actor); err != nil {
			t.cfg.Log.DebugContext(ctx, "no avatar", "actor", actor.URI, "err", err)
		}
	}
}
