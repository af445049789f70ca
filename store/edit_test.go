package store_test

import (
	"testing"

	"github.com/tubelet/tubelet/store"
)

func TestEditVideo(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("x")).Video
	en := store.Caption{Language: "en", Label: "English", File: "en-1.vtt"}
	_, err := s.AddCaption(t.Context(), v.ID, en)
	must(t, err)

	before := load(t, s, v.ID)
	v.Title = "Changed"
	_, err = s.EditVideo(t.Context(), store.VideoEdit{Video: v, Rev: 1, Poster: store.Poster{File: "p"}, Remove: []string{"en", "fr"}})
	wantError(t, err, store.ErrNotFound)
	same(t, load(t, s, v.ID), before)
	_, err = s.EditVideo(t.Context(), store.VideoEdit{Video: v, Rev: 7, Poster: store.Poster{File: "p"}})
	wantError(t, err, store.ErrNotFound)
	same(t, load(t, s, v.ID), before)

	de, en2 := store.Caption{Language: "de", Label: "Deutsch", File: "de-1.vtt"}, store.Caption{Language: "en", Label: "English", File: "en-2.vtt"}
	old, err := s.EditVideo(t.Context(), store.VideoEdit{Video: v, Rev: 1,
		Poster: store.Poster{File: "poster-2.jpg", Width: 16, Height: 9}, Add: []store.Caption{de, en2}})
	must(t, err)
	same(t, old, []string{"en-1.vtt"})
	got := load(t, s, v.ID)
	same(t, got.Captions, []store.Caption{de, en2})
	same(t, []any{got.Title, got.Media.Poster, got.Media.PosterWidth, got.Media.PosterHeight}, []any{"Changed", "poster-2.jpg", 16, 9})

	old, err = s.EditVideo(t.Context(), store.VideoEdit{Video: v, Add: []store.Caption{en2}, Remove: []string{"en", "de"}})
	must(t, err)
	same(t, old, []string{"de-1.vtt"})
	same(t, load(t, s, v.ID).Captions, []store.Caption{en2})
}
