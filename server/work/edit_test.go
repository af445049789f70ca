package work_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

func TestThumbnail(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.mp4", "640x360", 10, 3), Thumbnail: "1.5"})
	first := v.Media.Poster
	small := v.Media.Thumb
	if first == "" || small == "" || v.Media.PosterWidth == 0 {
		t.Fatalf("no poster: %+v", v.Media)
	}
	b.follow(v.ID, 0)
	if err := b.Edit(t.Context(), v, work.Edit{Video: v, Thumbnail: "0:00"}); err != nil {
		t.Fatal(err)
	}
	if v = b.video(v.ID); v.Media.Poster == first || v.Media.Thumb == small {
		t.Error("the poster did not change")
	}
	b.whole()
	picture := filepath.Join(b.data, "videos", v.ID, "1", v.Media.Poster)
	if err := b.Edit(t.Context(), v, work.Edit{Video: v, Thumbnail: picture}); err != nil {
		t.Error(err)
	}
	b.whole()
}

func TestCaptions(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.mp4", "320x180", 10, 2)})
	for _, text := range []string{"Hello", "Hello there"} {
		srt := write(t, "a.srt", "1\n00:00:00,100 --> 00:00:01,000\n"+text+"\n")
		if err := b.Edit(t.Context(), v, work.Edit{Video: v, Captions: map[string]string{"en": srt}}); err != nil {
			t.Fatal(err)
		}
		if v = b.video(v.ID); len(v.Captions) != 1 {
			t.Errorf("captions %+v", v.Captions)
		}
		b.whole()
	}
	if err := b.Edit(t.Context(), v, work.Edit{Video: v, RemoveCaptions: []string{"en"}}); err != nil {
		t.Fatal(err)
	}
	b.whole()
	srt := write(t, "b.srt", "1\n00:00:00,100 --> 00:00:01,000\nx\n")
	v.ID = "nosuchvid0"
	if err := b.Edit(t.Context(), v, work.Edit{Video: v, Captions: map[string]string{"en": srt}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	b.clean()
}

// An edit of which one part cannot be changes nothing at all.
func TestEditAllOrNothing(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.mp4", "320x180", 10, 2), Visibility: store.Draft})
	b.follow(v.ID, 0)
	v = b.video(v.ID)
	srt := write(t, "a.srt", "1\n00:00:00,100 --> 00:00:01,000\nHello\n")
	to := v
	to.Title, to.Visibility = "Changed", store.Public
	for name, e := range map[string]work.Edit{
		"no caption file": {Video: to, Captions: map[string]string{"en": "missing.srt"}},
		"no picture":      {Video: to, Captions: map[string]string{"en": srt}, Thumbnail: "missing.jpg"},
		"no picture in":   {Video: to, Captions: map[string]string{"en": srt}, Thumbnail: srt},
		"too late":        {Video: to, Captions: map[string]string{"en": srt}, Thumbnail: "9:59"},
		"no captions":     {Video: to, Captions: map[string]string{"en": srt}, RemoveCaptions: []string{"fr"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := b.Edit(t.Context(), v, e); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff(v, b.video(v.ID)); diff != "" {
				t.Error(diff)
			}
			b.clean()
		})
	}
	if err := b.Edit(t.Context(), v, work.Edit{Video: to, Captions: map[string]string{"en": srt}, Thumbnail: "0:01"}); err != nil {
		t.Fatal(err)
	}
	if got := b.video(v.ID); got.Title != "Changed" || len(got.Captions) != 1 || got.Media.Poster == v.Media.Poster || !got.Listed() {
		t.Errorf("edited to %+v", got)
	}
	b.whole()
}
