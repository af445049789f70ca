package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/store"
)

// thousand returns a store with 1,000 videos and 500 comments under one of them.
func thousand(b *testing.B) (*store.Store, store.Video) {
	b.Helper()
	s := open(b)
	must(b, s.CreateChannel(b.Context(), store.Channel{Handle: "h", Domain: "video.example"}))
	var id string
	for i := range 1000 {
		v := sample(fmt.Sprintf("Episode %d of the workshop", i), "workshop", fmt.Sprintf("series %d", i%20), fmt.Sprintf("year %d", i%7))
		v.Description = strings.Repeat("How this was made, step by step. ", 30)
		v.Media.Renditions = []store.Rendition{rendition(1080), rendition(720), rendition(480), rendition(360)}
		v.Captions = []store.Caption{{Language: "en", Label: "English", File: "en-1.vtt"}}
		v.Chapters = []store.Chapter{{Start: 0, Title: "Start"}, {Start: 1e9, Title: "Middle"}, {Start: 2e9, Title: "End"}}
		must(b, s.CreateVideo(b.Context(), v))
		if i == 500 {
			id = v.ID
		}
	}
	var parent int64
	for i := range 500 {
		c := store.Comment{Video: id, HTML: "<p>" + strings.Repeat("Well said. ", 20) + "</p>"}
		if i%3 != 0 {
			c.Parent = parent
		}
		n, err := s.AddComment(b.Context(), c)
		must(b, err)
		if i%3 == 0 {
			parent = n
		}
	}
	return s, load(b, s, id)
}

// What a page reads when no cache has it.
func BenchmarkReads(b *testing.B) {
	s, v := thousand(b)
	ctx := b.Context()
	for name, f := range map[string]func() error{
		"Video":       func() error { _, err := s.Video(ctx, v.ID); return err },
		"Related":     func() error { _, err := s.Related(ctx, v, 12); return err },
		"Comments":    func() error { _, _, err := s.Comments(ctx, v.ID, 0, 20); return err },
		"Videos":      func() error { _, _, err := s.Videos(ctx, store.List{Limit: 24}); return err },
		"VideosDeep":  func() error { _, _, err := s.Videos(ctx, store.List{Limit: 24, Offset: 900}); return err },
		"VideosTag":   func() error { _, _, err := s.Videos(ctx, store.List{Tag: "series 3", Limit: 24}); return err },
		"Search":      func() error { _, _, err := s.Videos(ctx, store.List{Query: "workshop 50", Limit: 24}); return err },
		"SearchAll":   func() error { _, _, err := s.Videos(ctx, store.List{Query: "step", Limit: 24}); return err },
		"Tags":        func() error { _, err := s.Tags(ctx); return err },
		"Channel":     func() error { _, err := s.Channel(ctx); return err },
		"DataVersion": func() error { _, err := s.DataVersion(ctx); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(b, f())
			}
		})
	}
}

// Opening is part of the time from `serve` to the first page.
func BenchmarkOpen(b *testing.B) {
	path := b.TempDir() + "/tubelet.db"
	openAt(b, path)
	for b.Loop() {
		s, err := store.Open(b.Context(), path)
		must(b, err)
		must(b, s.Close())
	}
}
