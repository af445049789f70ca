package verbs

import (
	"context"
	"errors"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// maxPages is how many pages of answers are read for one comment.
const maxPages = 5

// Crawl asks a comment's own server for the answers to it that nobody has sent us: people
// answer each other on servers that know nothing of ours. One comment causes at most as many
// fetches as one activity; what it finds is believed as if it had been announced.
func (v *Verbs) Crawl(ctx context.Context, comment social.Comment) error {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	site, err := v.cfg.Site(ctx)
	if err != nil {
		return err
	}
	t := &task{Verbs: v, site: site, now: time.Now()}
	note, err := t.fetch(ctx, comment.URI)
	if err != nil {
		return err
	}
	ids, err := t.answers(ctx, note)
	for _, id := range ids {
		if one := t.answer(ctx, id, comment.URI); one != nil {
			v.cfg.Log.DebugContext(ctx, "answer passed over", "id", id, "reason", one)
		}
	}
	return err
}

// answers lists the ids in a note's collection of answers, as far as a few pages tell.
func (t *task) answers(ctx context.Context, note vocab.Object) ([]string, error) {
	page, err := t.part(ctx, note, note, "replies")
	if err != nil {
		return nil, err
	}
	ids := append(page.Refs("items"), page.Refs("orderedItems")...)
	seen := map[string]bool{"": true}
	for _, next := range []string{"first", "next", "next", "next", "next"}[:maxPages] {
		if seen[page.Ref(next)] && !inside(page, next) {
			break
		}
		seen[page.Ref(next)] = true
		if page, err = t.part(ctx, note, page, next); err != nil {
			return ids, err
		}
		ids = append(ids, append(page.Refs("items"), page.Refs("orderedItems")...)...)
	}
	return ids[:min(len(ids), maxFetches)], nil
}

// inside reports whether a property holds an object without an id of its own.
func inside(o vocab.Object, name string) bool {
	inner, whole := o.Inner(name)
	return whole && inner.ID() == ""
}

// part returns a property that is an object, there or elsewhere on the note's host.
func (t *task) part(ctx context.Context, note, of vocab.Object, name string) (vocab.Object, error) {
	if inner, whole := of.Inner(name); whole {
		return inner, nil
	}
	id := of.Ref(name)
	if !remote.SameHost(id, note.ID()) {
		return nil, ignore("its answers are not on its own host")
	}
	return t.fetch(ctx, id)
}

// answer takes an answer to a comment that we do not have yet.
func (t *task) answer(ctx context.Context, id, to string) error {
	if _, err := t.social.CommentByURI(ctx, id); !errors.Is(err, lite.ErrNotFound) {
		return err
	}
	if _, own := t.ours(id); own {
		return ignore("it was ours")
	}
	note, err := t.fetch(ctx, id)
	if err != nil {
		return err
	}
	if note.Ref("inReplyTo") != to {
		return ignore("it answers something else")
	}
	return t.believe(ctx, note)
}
