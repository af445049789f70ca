package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

var (
	sumA = strings.Repeat("a1", 32)
	sumB = strings.Repeat("b2", 32)
)

// processing returns a video of which nothing is made yet.
func processing(title string) store.NewVideo {
	v := sample(title)
	v.Media.State, v.Media.Renditions = store.Processing, nil
	return v
}

func TestRenditionsArriveOneByOne(t *testing.T) {
	s := open(t)
	v := create(t, s, processing("slow"))
	got := load(t, s, v.ID)
	same(t, got.Media.Rev, 0)
	same(t, got.Media.State, store.Processing)
	same(t, got.Media.SourceName, "talk.mov")
	same(t, got.Visible(), false)

	// A poster alone makes nothing watchable, nor does a second language.
	must(t, s.SetPoster(t.Context(), v.ID, 1, store.Poster{File: "poster-1.jpg", Width: 1280, Height: 720}))
	audio := store.Rendition{File: "audio-fr.mp4", Language: "fr"}
	must(t, s.AddRenditions(t.Context(), v.ID, 1, []store.Rendition{audio}, false, nil))
	same(t, load(t, s, v.ID).Media.Rev, 0)

	next := store.Job{Kind: "transcode", Video: v.ID, Rev: 1}
	must(t, s.AddRenditions(t.Context(), v.ID, 1, []store.Rendition{rendition(360)}, false, []store.Job{next}))
	got = load(t, s, v.ID)
	same(t, got.Media.Rev, 1)
	same(t, got.Media.State, store.Watchable)
	same(t, got.Listed(), true)
	first := got.PublishedAt
	jobs, err := s.Jobs(t.Context(), store.JobList{Video: v.ID})
	must(t, err)
	same(t, len(jobs), 1)

	// The last two, and one of before once more.
	again := []store.Rendition{rendition(720), rendition(1080), rendition(360)}
	must(t, s.AddRenditions(t.Context(), v.ID, 1, again, true, nil))
	got = load(t, s, v.ID)
	same(t, got.Media.State, store.Done)
	same(t, got.PublishedAt, first)
	same(t, got.Media.Renditions, []store.Rendition{rendition(1080), rendition(720), rendition(360), audio})
}

func TestAddRenditionsRefuses(t *testing.T) {
	s := open(t)
	v := create(t, s, processing("x"))
	wantError(t, s.AddRenditions(t.Context(), v.ID, 2, []store.Rendition{rendition(360)}, false, nil), store.ErrNotFound)
	if err := s.AddRenditions(t.Context(), v.ID, 1, nil, true, nil); err == nil {
		t.Error("done with nothing to play was accepted")
	}
	bad := []store.Job{{Kind: "poster", Video: "nothere222"}}
	wantError(t, s.AddRenditions(t.Context(), v.ID, 1, []store.Rendition{rendition(360)}, true, bad), store.ErrNotFound)
	same(t, load(t, s, v.ID).Media.State, store.Processing)
}

func TestFailedMediaPlaysOn(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("half"))
	failed := fail(t, s, v.ID, "the source ends early")
	got := load(t, s, v.ID)
	same(t, got.Media.State, store.Failed)
	same(t, got.Media.Error, "the source ends early")
	same(t, got.Visible(), true)
	same(t, len(got.Media.Renditions), 1)

	// A worker that has not noticed yet does not bring it back.
	more := []store.Rendition{rendition(360)}
	wantError(t, s.AddRenditions(t.Context(), v.ID, 1, more, true, nil), store.ErrNotFound)
	same(t, load(t, s, v.ID).Media, got.Media)
	must(t, s.RetryJob(t.Context(), failed, false))
	wantError(t, s.AddRenditions(t.Context(), v.ID, 1, more, true, nil), store.ErrNotFound)
	must(t, s.RetryJob(t.Context(), failed, true))
	must(t, s.AddRenditions(t.Context(), v.ID, 1, more, true, nil))
	got = load(t, s, v.ID)
	same(t, got.Media.State, store.Done)
	same(t, got.Media.Error, "")
}

func TestReplace(t *testing.T) {
	s := open(t)
	v := sample("first")
	v.Media.State, v.Media.SourceSHA256 = store.Done, sumA
	v.Jobs = []store.Job{{Kind: "storyboard", Video: v.ID, Rev: 1}}
	create(t, s, v)
	published := load(t, s, v.ID).PublishedAt

	rev, err := s.NextRev(t.Context(), v.ID)
	must(t, err)
	same(t, rev, 2)
	m := processing("").Media
	m.Rev, m.SourceSHA256, m.SourceName = rev, sumB, "better.mov"
	must(t, s.CreateMedia(t.Context(), v.ID, m, []store.Job{{Kind: "transcode", Video: v.ID, Rev: 2}}))
	wantError(t, s.CreateMedia(t.Context(), v.ID, processing("").Media, nil), store.ErrExists)

	// The old one is served until the new one plays.
	got := load(t, s, v.ID)
	same(t, got.Media.Rev, 1)
	same(t, got.Media.Renditions, []store.Rendition{rendition(1080)})
	obsolete, err := s.ObsoleteMedia(t.Context())
	must(t, err)
	same(t, len(obsolete), 0)
	wantError(t, s.ForgetMedia(t.Context(), store.MediaRef{Video: v.ID, Rev: 1}), store.ErrNotFound)

	must(t, s.AddRenditions(t.Context(), v.ID, 2, []store.Rendition{rendition(720)}, false, nil))
	got = load(t, s, v.ID)
	same(t, got.Media.Rev, 2)
	same(t, got.Media.SourceName, "better.mov")
	same(t, got.Media.Renditions, []store.Rendition{rendition(720)})
	same(t, got.PublishedAt, published)
	jobs, err := s.Jobs(t.Context(), store.JobList{Video: v.ID, Open: true})
	must(t, err)
	same(t, len(jobs), 1)
	same(t, jobs[0].Kind, "transcode")

	// A late result for the old one changes nothing that is served.
	must(t, s.AddRenditions(t.Context(), v.ID, 1, []store.Rendition{rendition(480)}, true, nil))
	same(t, load(t, s, v.ID).Media.Rev, 2)

	old := store.MediaRef{Video: v.ID, Rev: 1}
	obsolete, err = s.ObsoleteMedia(t.Context())
	must(t, err)
	same(t, obsolete, []store.MediaRef{old})
	must(t, s.ForgetMedia(t.Context(), old))
	_, err = s.MediaRev(t.Context(), v.ID, 1)
	wantError(t, err, store.ErrNotFound)
	m, err = s.MediaRev(t.Context(), v.ID, 2)
	must(t, err)
	same(t, m, load(t, s, v.ID).Media)
	rev, err = s.NextRev(t.Context(), v.ID)
	must(t, err)
	same(t, rev, 3)
	_, err = s.NextRev(t.Context(), "nothere222")
	wantError(t, err, store.ErrNotFound)
	wantError(t, s.CreateMedia(t.Context(), "nothere222", m, nil), store.ErrNotFound)
}

func TestTheSameFileTwice(t *testing.T) {
	s := open(t)
	v := sample("a")
	v.Media.SourceSHA256, v.Media.SourceBytes = sumA, 12345
	create(t, s, v)
	known, err := s.HasSourceBytes(t.Context(), 12345)
	must(t, err)
	same(t, known, true)
	known, err = s.HasSourceBytes(t.Context(), 12346)
	must(t, err)
	same(t, known, false)
	must(t, s.CheckDuplicate(t.Context(), "", sumB))
	must(t, s.CheckDuplicate(t.Context(), "", ""))

	isDuplicate := func(err error) {
		t.Helper()
		wantError(t, err, store.ErrExists)
		d, ok := errors.AsType[*store.DuplicateError](err)
		if !ok || d.ID != v.ID {
			t.Errorf("got %v, want a duplicate of %s", err, v.ID)
		}
	}
	isDuplicate(s.CheckDuplicate(t.Context(), "", sumA))
	isDuplicate(s.CheckDuplicate(t.Context(), v.ID, sumA))
	w := processing("b")
	w.Media.SourceSHA256 = sumA
	isDuplicate(s.CreateVideo(t.Context(), w))
	w.Media.SourceSHA256 = ""
	create(t, s, w)
	m := processing("").Media
	m.Rev, m.SourceSHA256 = 2, sumA
	isDuplicate(s.CreateMedia(t.Context(), w.ID, m, nil))
	isDuplicate(s.CreateMedia(t.Context(), v.ID, m, nil))

	// A file that was replaced may be published again.
	m.SourceSHA256, m.State, m.Renditions = sumB, store.Watchable, []store.Rendition{rendition(720)}
	must(t, s.CreateMedia(t.Context(), v.ID, m, nil))
	must(t, s.CheckDuplicate(t.Context(), "", sumA))
}

func TestTheSameFileAfterAFailure(t *testing.T) {
	s := open(t)
	nothing, half := processing("nothing plays"), sample("something plays")
	nothing.Media.SourceSHA256, half.Media.SourceSHA256 = sumA, sumB
	create(t, s, nothing)
	create(t, s, half)
	for _, id := range []string{nothing.ID, half.ID} {
		fail(t, s, id, "no")
	}
	tests := []struct {
		name, id, sum string
		refused       bool
	}{
		{"nothing plays, itself", nothing.ID, sumA, false},
		{"nothing plays, a new one", "", sumA, false},
		{"something plays, itself", half.ID, sumB, false},
		{"something plays, a new one", "", sumB, true},
		{"something plays, another", nothing.ID, sumB, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := s.CheckDuplicate(t.Context(), tt.id, tt.sum); errors.Is(err, store.ErrExists) != tt.refused {
				t.Errorf("got %v", err)
			}
		})
	}
	m := processing("").Media
	m.Rev, m.SourceSHA256 = 2, sumA
	must(t, s.CreateMedia(t.Context(), nothing.ID, m, nil))
	wantError(t, s.CheckDuplicate(t.Context(), "", sumA), store.ErrExists) // it is being made again
}

func TestFilesNamesEverything(t *testing.T) {
	s := open(t)
	v := sample("x")
	v.Media.SourceFile = "source.mov"
	create(t, s, v)
	must(t, s.SetPoster(t.Context(), v.ID, 1, store.Poster{File: "poster-1.jpg", Thumb: "thumb-1.jpg", Width: 16, Height: 9}))
	board := store.Storyboard{File: "storyboard-1.jpg", VTT: "storyboard-1.vtt", Columns: 1, Rows: 1, Width: 160, Height: 90, Interval: 1500 * time.Millisecond}
	must(t, s.SetStoryboard(t.Context(), v.ID, 1, board))
	same(t, load(t, s, v.ID).Media.Storyboard, board)
	old, err := s.AddCaption(t.Context(), v.ID, store.Caption{Language: "en", Label: "English", File: "en-1.vtt"})
	must(t, err)
	same(t, old, "")

	in := func(names ...string) []string {
		for i := range names {
			names[i] = v.ID + "/" + names[i]
		}
		return names
	}
	files := func() []string {
		list, err := s.Files(t.Context())
		must(t, err)
		return slices.Sorted(slices.Values(list))
	}
	same(t, files(), in("1/1080p.m3u8", "1/1080p.mp4", "1/poster-1.jpg", "1/source.mov",
		"1/storyboard-1.jpg", "1/storyboard-1.vtt", "1/thumb-1.jpg", "captions/en-1.vtt"))
	must(t, s.ForgetSource(t.Context(), v.ID, 1))
	same(t, slices.Contains(files(), v.ID+"/1/source.mov"), false)
	wantError(t, s.SetPoster(t.Context(), v.ID, 7, store.Poster{File: "p"}), store.ErrNotFound)
}

func TestCaptions(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("x"))
	add := func(lang, file, wantOld string) {
		t.Helper()
		old, err := s.AddCaption(t.Context(), v.ID, store.Caption{Language: lang, Label: lang, File: file})
		must(t, err)
		same(t, old, wantOld)
	}
	add("en", "en-1.vtt", "")
	add("de", "de-1.vtt", "")
	add("en", "en-2.vtt", "en-1.vtt")
	same(t, load(t, s, v.ID).Captions, []store.Caption{
		{Language: "de", Label: "de", File: "de-1.vtt"}, {Language: "en", Label: "en", File: "en-2.vtt"}})
	_, err := s.AddCaption(t.Context(), "nothere222", store.Caption{Language: "en"})
	wantError(t, err, store.ErrNotFound)
}
