package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// However long a chain of answers strangers make, it can be removed again, by itself and with
// its video.
func TestDeepThread(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("A talk"))
	parent, first := int64(0), int64(0)
	must(t, s.Social().Together(t.Context(), true, func(db *social.Store) error {
		for i := range 1200 {
			id, _, err := db.AddComment(t.Context(), social.Comment{Video: v.ID, Parent: parent, URI: fmt.Sprint(i), State: social.Shown, PublishedAt: time.Now()})
			if err != nil {
				return err
			}
			if parent = id; first == 0 {
				first = id
			}
		}
		return nil
	}))
	same(t, load(t, s, v.ID).Comments, 1200)
	must(t, s.Social().RemoveComment(t.Context(), first))
	same(t, load(t, s, v.ID).Comments, 0)
}

// Strangers can have pages made anew by what changes them only.
func TestPagesStay(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("A talk"))
	db, now := s.Social(), time.Now()
	version := func() int64 {
		n, err := s.ContentVersion(t.Context())
		must(t, err)
		return n
	}
	actor := social.Actor{URI: "https://a.example/u", Acct: "@u@a.example", Host: "a.example", Name: "U", FetchedAt: now}
	together := func(f func(*social.Store) error) func() error {
		return func() error {
			return db.Together(t.Context(), true, func(s *social.Store) error {
				if err := f(s); err != nil {
					return err
				}
				_, err := s.Receive(t.Context(), []social.Received{{Activity: store.NewID(), Host: "a.example"}}, now)
				return err
			})
		}
	}
	save := func() (err error) { actor.ID, err = db.SaveActor(t.Context(), actor); return err }
	like := together(func(s *social.Store) error {
		return s.React(t.Context(), social.Reaction{Activity: "l", Actor: actor.ID, Kind: "like", Video: v.ID, At: now})
	})
	comment := together(func(s *social.Store) error {
		_, _, err := s.AddComment(t.Context(), social.Comment{Video: v.ID, Actor: actor.ID, Name: "U", Acct: actor.Acct, URI: "c", State: social.Shown, PublishedAt: now})
		return err
	})
	for _, step := range []struct {
		what    string
		do      func() error
		changes bool
	}{
		{"a new actor", save, false},
		{"a like", like, true},
		{"the like again", like, false},
		{"the deletion of what was never here", together(func(s *social.Store) error { return s.ForgetQuote(t.Context(), "q", actor.URI) }), false},
		{"a comment", comment, true},
		{"the comment again", comment, false},
		{"the same actor", save, false},
		{"another name", func() error { actor.Name = "V"; return save() }, true},
	} {
		before := version()
		must(t, step.do())
		if changed := version() != before; changed != step.changes {
			t.Errorf("%s: pages are made anew: %v", step.what, changed)
		}
	}
}

// What the creator removed does not come back when its author edits it, or sends it again.
func TestRemovedStays(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("A talk"))
	db, now := s.Social(), time.Now()
	actor := social.Actor{URI: "https://a.example/u", Acct: "@u@a.example", Host: "a.example", FetchedAt: now}
	var err error
	actor.ID, err = db.SaveActor(t.Context(), actor)
	must(t, err)
	comment := social.Comment{Video: v.ID, Actor: actor.ID, URI: "c", HTML: "<p>x</p>", State: social.Shown, PublishedAt: now}
	id, _, err := db.AddComment(t.Context(), comment)
	must(t, err)
	must(t, db.RemoveComment(t.Context(), id))
	_, fresh, err := db.AddComment(t.Context(), comment)
	must(t, err)
	same(t, fresh, false)
	wantError(t, db.EditComment(t.Context(), "c", actor.URI, "<p>y</p>", now), store.ErrNotFound)
	wantError(t, db.SetCommentState(t.Context(), id, social.Shown), store.ErrNotFound)
	wantError(t, db.RemoveComment(t.Context(), id), store.ErrNotFound)
	list, err := db.Comments(t.Context(), v.ID, 0, 5)
	must(t, err)
	same(t, len(list), 0)
	same(t, load(t, s, v.ID).Comments, 0)
	must(t, db.DeleteComment(t.Context(), "c", actor.URI))
}
