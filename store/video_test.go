package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tubelet/tubelet/store"
)

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := store.NewID()
		if len(id) != 10 || strings.Trim(id, "23456789abcdefghjkmnpqrstuvwxyz") != "" || seen[id] {
			t.Fatalf("bad id %q", id)
		}
		seen[id] = true
	}
}

func TestVideoComesBackWhole(t *testing.T) {
	s := open(t)
	v := sample("Grüße aus der Werkstatt", "Wood", "hand tools")
	v.Description, v.Language, v.License = "How to *plane*", "de", "CC-BY-4.0"
	v.UUID = "0b8c5a56-6c0f-4b3a-9f5d-2f3a5c6d7e8f"
	v.Chapters = []store.Chapter{{Start: 0, Title: "Start"}, {Start: 12500 * time.Millisecond, Title: "Planing"}}
	v.Captions = []store.Caption{{Language: "de", Label: "Deutsch", File: "de-0a1b2c3d.vtt"}, {Language: "en", Label: "English", File: "en-0a1b2c3d.vtt"}}
	v.Media.Rev, v.Media.State = 1, store.Done
	v.Media.SourceSHA256, v.Media.SourceFile = strings.Repeat("ab", 32), "source.mov"
	v.Media.Poster, v.Media.PosterWidth, v.Media.PosterHeight = "poster-11223344.jpg", 1280, 720
	v.Media.Storyboard = store.Storyboard{File: "storyboard-1.jpg", VTT: "storyboard-1.vtt", Columns: 5, Rows: 4, Width: 160, Height: 90, Interval: 5 * time.Second}
	audio := store.Rendition{File: "audio-fr.mp4", Playlist: "audio-fr.m3u8", Language: "fr", Codecs: "mp4a.40.2"}
	v.Media.Renditions = []store.Rendition{rendition(1080), rendition(360), audio}
	create(t, s, v)

	want := v.Video
	got := load(t, s, v.ID)
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Video{}, "CreatedAt", "UpdatedAt", "PublishedAt")); d != "" {
		t.Errorf("loaded (-want +got):\n%s", d)
	}
	for name, at := range map[string]time.Time{"created": got.CreatedAt, "updated": got.UpdatedAt, "published": got.PublishedAt} {
		if d := time.Since(at); d < -time.Second || d > time.Minute {
			t.Errorf("%s at %v", name, at)
		}
	}
	list, total, err := s.Videos(t.Context(), store.List{})
	must(t, err)
	same(t, list, []store.Video{got})
	same(t, total, 1)
	if !got.Visible() || !got.Listed() {
		t.Error("a public video with a rendition is not listed")
	}
}

func TestCreateVideoIsOneTransaction(t *testing.T) {
	s := open(t)
	v := sample("broken")
	v.Jobs = []store.Job{{Kind: "poster", Video: v.ID}, {Kind: "poster", Video: "another222"}}
	wantError(t, s.CreateVideo(t.Context(), v), store.ErrNotFound)
	_, err := s.Video(t.Context(), v.ID)
	wantError(t, err, store.ErrNotFound)
	jobs, err := s.Jobs(t.Context(), store.JobList{})
	must(t, err)
	same(t, len(jobs), 0)

	v.Jobs = v.Jobs[:1]
	create(t, s, v)
	jobs, err = s.Jobs(t.Context(), store.JobList{Video: v.ID, Open: true})
	must(t, err)
	same(t, len(jobs), 1)
	wantError(t, s.CreateVideo(t.Context(), v), store.ErrExists)
}

func TestCreateVideoRefusesIds(t *testing.T) {
	s := open(t)
	for _, id := range []string{"", "short", "../../../x", "ABCDEFGHIJ", "abcdefghi\"", "abcdefghijk"} {
		v := sample("x")
		v.ID = id
		wantError(t, s.CreateVideo(t.Context(), v), store.ErrInvalid)
	}
}

func TestUpdateVideo(t *testing.T) {
	s := open(t)
	v := load(t, s, create(t, s, sample("before", "old", "kept")).ID)
	v.Title, v.Description, v.Tags = "after", "new words", []string{" Kept", "#new", "NEW", "", "two\n words"}
	v.Chapters = []store.Chapter{{Start: time.Second, Title: "a"}}
	v.Downloads, v.License, v.Language = false, "CC0-1.0", "fr"
	must(t, s.UpdateVideo(t.Context(), v))
	got := load(t, s, v.ID)
	v.Tags, v.UpdatedAt = []string{"Kept", "new", "two words"}, got.UpdatedAt
	same(t, got, v)

	tags, err := s.Tags(t.Context())
	must(t, err)
	same(t, tags, []store.TagCount{{Tag: "Kept", Count: 1}, {Tag: "new", Count: 1}, {Tag: "two words", Count: 1}})
	for query, n := range map[string]int{"before": 0, "old": 0, "after": 1, "words": 1, "kept": 1} {
		_, total, err := s.Videos(t.Context(), store.List{Query: query})
		must(t, err)
		if total != n {
			t.Errorf("%q finds %d videos, want %d", query, total, n)
		}
	}
	v.ID = "nothere222"
	wantError(t, s.UpdateVideo(t.Context(), v), store.ErrNotFound)
}

func TestDeleteVideoTakesEverything(t *testing.T) {
	s := open(t)
	v := sample("gone", "tag")
	v.Jobs = []store.Job{{Kind: "poster", Video: v.ID, Rev: 1}}
	v.Captions = []store.Caption{{Language: "en", File: "en.vtt"}}
	v.Chapters = []store.Chapter{{Title: "x"}}
	create(t, s, v)
	top, err := s.AddComment(t.Context(), store.Comment{Video: v.ID, HTML: "a"})
	must(t, err)
	_, err = s.AddComment(t.Context(), store.Comment{Video: v.ID, Parent: top, HTML: "b"})
	must(t, err)
	j, err := s.ClaimJob(t.Context(), time.Now())
	must(t, err)

	must(t, s.DeleteVideo(t.Context(), v.ID))
	_, err = s.Video(t.Context(), v.ID)
	wantError(t, err, store.ErrNotFound)
	wantError(t, s.SaveProgress(t.Context(), j), store.ErrNotFound)
	files, err := s.Files(t.Context())
	must(t, err)
	same(t, len(files), 0)
	_, total, err := s.Videos(t.Context(), store.List{Audience: store.Everyone, Query: "gone"})
	must(t, err)
	same(t, total, 0)
	wantError(t, s.DeleteVideo(t.Context(), v.ID), store.ErrNotFound)
	wantError(t, s.AddViews(t.Context(), map[string]int64{v.ID: 1}), nil)
}

func TestWhenAVideoIsPublished(t *testing.T) {
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	tests := []struct {
		name       string
		visibility store.Visibility
		at         time.Time
		watchable  bool
		want       bool // at once
		later      bool // when the hour is over
	}{
		{name: "public", visibility: store.Public, watchable: true, want: true, later: true},
		{name: "unlisted", visibility: store.Unlisted, watchable: true, want: true, later: true},
		{name: "draft", visibility: store.Draft, watchable: true},
		{name: "nothing to watch", visibility: store.Public},
		{name: "scheduled", visibility: store.Public, at: soon, watchable: true, later: true},
		{name: "scheduled and unlisted", visibility: store.Unlisted, at: soon, watchable: true, later: true},
		{name: "scheduled draft", visibility: store.Draft, at: soon, watchable: true},
		{name: "scheduled, nothing to watch", visibility: store.Public, at: soon},
		{name: "moment has passed", visibility: store.Public, at: past, watchable: true, want: true, later: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			v := sample("x")
			v.Visibility, v.PublishAt = test.visibility, test.at
			if !test.watchable {
				v.Media.State, v.Media.Renditions = store.Processing, nil
			}
			create(t, s, v)
			same(t, load(t, s, v.ID).Visible(), test.want)
			_, err := s.PublishDue(t.Context(), time.Now())
			must(t, err)
			same(t, load(t, s, v.ID).Visible(), test.want)
			_, err = s.PublishDue(t.Context(), soon.Add(time.Second))
			must(t, err)
			same(t, load(t, s, v.ID).Visible(), test.later)
		})
	}
}

func TestSchedule(t *testing.T) {
	s := open(t)
	now := time.Now().Truncate(time.Millisecond).UTC()
	next := func() time.Time {
		t.Helper()
		at, err := s.NextPublish(t.Context())
		must(t, err)
		return at
	}
	same(t, next(), time.Time{})
	a, b := sample("a"), sample("b")
	a.PublishAt, b.PublishAt = now.Add(2*time.Hour), now.Add(time.Hour)
	create(t, s, a)
	create(t, s, b)
	same(t, next(), b.PublishAt)

	ids, err := s.PublishDue(t.Context(), b.PublishAt.Add(-time.Millisecond))
	must(t, err)
	same(t, len(ids), 0)
	ids, err = s.PublishDue(t.Context(), b.PublishAt)
	must(t, err)
	same(t, ids, []string{b.ID})
	same(t, load(t, s, b.ID).PublishedAt, b.PublishAt)
	same(t, next(), a.PublishAt)

	// The creator changes their mind: now.
	v := load(t, s, a.ID)
	v.PublishAt = time.Time{}
	must(t, s.UpdateVideo(t.Context(), v))
	published := load(t, s, a.ID).PublishedAt
	if published.IsZero() || published.After(time.Now()) {
		t.Errorf("published at %v", published)
	}
	same(t, next(), time.Time{})

	// A published video becomes a draft and comes back: the date stays.
	v.Visibility = store.Draft
	must(t, s.UpdateVideo(t.Context(), v))
	same(t, load(t, s, a.ID).Visible(), false)
	v.Visibility = store.Unlisted
	must(t, s.UpdateVideo(t.Context(), v))
	same(t, load(t, s, a.ID).PublishedAt, published)

	// It gets a new moment: hidden until then.
	v.PublishAt = now.Add(3 * time.Hour)
	must(t, s.UpdateVideo(t.Context(), v))
	same(t, load(t, s, a.ID).Visible(), false)
	same(t, next(), v.PublishAt)
}

// Pins are for public videos, a few of them, and end with what made them so.
func TestPins(t *testing.T) {
	s := open(t)
	moment := time.Now()
	pin := func(id string) error {
		moment = moment.Add(time.Second)
		return s.Pin(t.Context(), id, moment)
	}
	pinned := func() (ids []string) {
		list, err := s.Pinned(t.Context())
		must(t, err)
		for _, v := range list {
			ids = append(ids, v.ID)
			if v.PinnedAt.IsZero() {
				t.Errorf("%s is pinned at no time", v.ID)
			}
		}
		return ids
	}
	var ids []string
	for range store.MaxPins + 1 {
		v := sample("One")
		v.Media.Rev, v.Media.State, v.Media.Renditions = 1, store.Done, []store.Rendition{rendition(360)}
		create(t, s, v)
		ids = append(ids, v.ID)
	}
	for _, id := range ids[:store.MaxPins] {
		must(t, pin(id))
	}
	if err := pin(ids[store.MaxPins]); !errors.Is(err, store.ErrExists) {
		t.Errorf("one too many: %v", err)
	}
	must(t, pin(ids[0])) // comes first again
	same(t, pinned(), []string{ids[0], ids[4], ids[3], ids[2], ids[1]})

	change := func(id string, with func(*store.Video)) {
		v := load(t, s, id)
		with(&v)
		must(t, s.UpdateVideo(t.Context(), v))
	}
	change(ids[0], func(v *store.Video) { v.Title = "Another" })
	change(ids[1], func(v *store.Video) { v.Visibility = store.Unlisted })
	change(ids[2], func(v *store.Video) { v.Visibility = store.Draft })
	change(ids[3], func(v *store.Video) { v.PublishAt = time.Now().Add(time.Hour) })
	must(t, s.DeleteVideo(t.Context(), ids[4]))
	same(t, pinned(), ids[:1])
	for _, id := range ids[1:4] {
		if err := pin(id); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := pin(ids[4]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a video that is gone: %v", err)
	}
	must(t, s.Unpin(t.Context(), ids[0]))
	if err := s.Unpin(t.Context(), ids[0]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unpinned twice: %v", err)
	}
	same(t, len(pinned()), 0)
}
