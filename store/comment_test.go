package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

func TestComments(t *testing.T) {
	s := open(t)
	v, other := create(t, s, sample("x")), create(t, s, sample("y"))
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()
	n := 0
	add := func(parent int64) int64 {
		t.Helper()
		n++
		id, err := s.AddComment(t.Context(), store.Comment{Video: v.ID, Parent: parent, HTML: fmt.Sprintf("<p>%d</p>", n),
			AuthorName: "Ada", AuthorAcct: "@ada@example.org", AuthorURL: "https://example.org/ada", Avatar: "/a.png",
			URL: "https://example.org/1", Likes: 2, Boosts: 1, PublishedAt: start.Add(time.Duration(n) * time.Minute)})
		must(t, err)
		return id
	}
	a, b := add(0), add(0)
	a1 := add(a)
	b1 := add(b)
	a11 := add(a1)
	a2 := add(a)
	c := add(0)

	page := func(offset, limit int) []int64 {
		t.Helper()
		list, total, err := s.Comments(t.Context(), v.ID, offset, limit)
		must(t, err)
		same(t, total, 3)
		var out []int64
		for _, c := range list {
			out = append(out, c.ID)
		}
		return out
	}
	same(t, page(0, 10), []int64{c, b, b1, a, a1, a11, a2})
	same(t, page(0, 1), []int64{c})
	same(t, page(1, 2), []int64{b, b1, a, a1, a11, a2})
	same(t, page(3, 2), []int64(nil))
	same(t, load(t, s, v.ID).Comments, 7)

	list, _, err := s.Comments(t.Context(), v.ID, 1, 1)
	must(t, err)
	same(t, list[1], store.Comment{ID: b1, Video: v.ID, Parent: b, HTML: "<p>4</p>", AuthorName: "Ada",
		AuthorAcct: "@ada@example.org", AuthorURL: "https://example.org/ada", Avatar: "/a.png",
		URL: "https://example.org/1", Likes: 2, Boosts: 1, PublishedAt: start.Add(4 * time.Minute)})

	_, total, err := s.Comments(t.Context(), other.ID, 0, 10)
	must(t, err)
	same(t, total, 0)
	for _, bad := range []store.Comment{{Video: "nothere222"}, {Video: v.ID, Parent: 999}, {Video: other.ID, Parent: a}} {
		_, err := s.AddComment(t.Context(), bad)
		wantError(t, err, store.ErrNotFound)
	}
}
