//go:build bench

package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store/social"
)

// BenchmarkComments makes the first page of 5000 comments, in threads of ten and in one.
func BenchmarkComments(b *testing.B) {
	for _, size := range []int{10, 5000} {
		b.Run(fmt.Sprint("threads of ", size), func(b *testing.B) {
			c := newChannel(b)
			err := c.store.Social().Together(b.Context(), true, func(s *social.Store) error {
				var first int64
				for i := range 5000 {
					if i%size == 0 {
						first = 0
					}
					id, _, err := s.AddComment(b.Context(), social.Comment{
						Video: public, Parent: first, URI: fmt.Sprint("https://a.example/", i), Name: "Viewer", Acct: "@v@a.example", State: social.Shown,
						HTML: "<p>At 1:23 the vise is turned round: why is that? A few more words.</p>", PublishedAt: time.Now(),
					})
					if err != nil {
						return err
					}
					if first == 0 {
						first = id
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				v, err := c.find(b.Context(), public)
				if err != nil {
					b.Fatal(err)
				}
				thread, err := c.thread(b.Context(), v, 1)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.render(&pages.Comments{Video: v.Video, Thread: thread}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
