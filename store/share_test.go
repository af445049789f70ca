package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/store"
)

const hash = "0badcafe0badcafe0badcafe0badcafe0badcafe"

func TestTorrents(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("shared"))
	ref := store.MediaRef{Video: v.ID, Rev: 1}
	must(t, s.QueueTorrents(t.Context(), store.Job{Kind: "torrents"}))
	must(t, s.QueueTorrents(t.Context(), store.Job{Kind: "torrents"}))
	jobs, err := s.Jobs(t.Context(), store.JobList{Video: v.ID, Open: true})
	must(t, err)
	n := 0
	for _, j := range jobs {
		if j.Kind == "torrents" {
			n++
		}
	}
	same(t, n, 1)

	r := load(t, s, v.ID).Media.Renditions[0]
	r.Infohash, r.Pieces = hash, 128<<10
	must(t, s.SetTorrent(t.Context(), ref, r))
	got := load(t, s, v.ID).Media.Renditions[0]
	same(t, got.Infohash, hash)
	same(t, got.Pieces, int64(128<<10))
	if err := s.SetTorrent(t.Context(), store.MediaRef{Video: v.ID, Rev: 9}, r); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a revision that is not there: %v", err)
	}
	files, err := s.Files(t.Context())
	must(t, err)
	for _, name := range []string{got.TorrentFile(), got.HashesFile()} {
		path := v.ID + "/1/" + name
		found := 0
		for _, f := range files {
			if f == path {
				found++
			}
		}
		same(t, found, 1)
	}
}

// Only what everybody may see is found by its infohash.
func TestVideoOfIsListed(t *testing.T) {
	s := open(t)
	v := sample("shared")
	v.Media.Renditions[0].Infohash = hash
	made := create(t, s, v).Video
	found, err := s.VideoOf(t.Context(), hash)
	must(t, err)
	same(t, found.ID, made.ID)
	for _, change := range []func(*store.Video){
		func(v *store.Video) { v.Visibility = store.Unlisted },
		func(v *store.Video) { v.Visibility = store.Draft },
		func(v *store.Video) { v.Visibility, v.PublishAt = store.Public, time.Now().Add(time.Hour) },
	} {
		hidden := made
		change(&hidden)
		must(t, s.UpdateVideo(t.Context(), hidden))
		if _, err := s.VideoOf(t.Context(), hash); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s, published %v: %v", hidden.Visibility, hidden.PublishAt, err)
		}
		list, err := s.Infohashes(t.Context(), "on")
		must(t, err)
		same(t, len(list), 0)
	}
	if _, err := s.VideoOf(t.Context(), ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no infohash: %v", err)
	}
}

func TestP2P(t *testing.T) {
	s := open(t)
	v := sample("shared")
	v.Media.Renditions[0].Infohash = hash
	made := create(t, s, v).Video
	for _, c := range []struct {
		video, setting string
		some           bool
		hashes         int
	}{
		{"", "on", false, 1}, {"", "ask", false, 1}, {"", "off", false, 0},
		{"off", "on", false, 0}, {"on", "off", true, 1}, {"ask", "off", true, 1},
	} {
		made.P2P = c.video
		must(t, s.UpdateVideo(t.Context(), made))
		some, err := s.SharesSome(t.Context())
		must(t, err)
		list, err := s.Infohashes(t.Context(), c.setting)
		must(t, err)
		if some != c.some || len(list) != c.hashes || load(t, s, made.ID).P2P != c.video {
			t.Errorf("video %q, setting %q: some %v, %d torrents", c.video, c.setting, some, len(list))
		}
	}
	made.P2P = "perhaps"
	if err := s.UpdateVideo(t.Context(), made); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("another word: %v", err)
	}
}

func TestTraffic(t *testing.T) {
	s := open(t)
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 12, 0, 0, 0, time.UTC) }
	must(t, s.AddTraffic(t.Context(), at(1, 31), store.Traffic{"http": 1000}))
	must(t, s.AddTraffic(t.Context(), at(2, 1), store.Traffic{"http": 100, "peers": 7}))
	must(t, s.AddTraffic(t.Context(), at(2, 28), store.Traffic{"http": 10}))
	must(t, s.AddTraffic(t.Context(), at(2, 28), store.Traffic{"http": 1, "tcp": 5}))
	today, month, err := s.Traffic(t.Context(), at(2, 28))
	must(t, err)
	same(t, today, store.Traffic{"http": 11, "tcp": 5})
	same(t, month, store.Traffic{"http": 111, "tcp": 5, "peers": 7})
}

func TestFigures(t *testing.T) {
	s := open(t)
	version, err := s.ContentVersion(t.Context())
	must(t, err)
	until, err := s.FiguresAsked(t.Context())
	must(t, err)
	same(t, until.IsZero(), true)
	now := time.UnixMilli(1_760_000_000_000)
	must(t, s.AskFigures(t.Context(), now))
	must(t, s.AskFigures(t.Context(), now.Add(-time.Second))) // somebody who asks for less takes nothing away
	until, err = s.FiguresAsked(t.Context())
	must(t, err)
	same(t, until.Equal(now), true)
	told, err := s.Figures(t.Context())
	must(t, err)
	same(t, told.At.IsZero(), true)
	must(t, s.TellFigures(t.Context(), store.Figures{At: now, JSON: []byte(`{"viewers":3}`)}))
	told, err = s.Figures(t.Context())
	must(t, err)
	if diff := cmp.Diff(store.Figures{At: now, JSON: []byte(`{"viewers":3}`)}, told); diff != "" {
		t.Error(diff)
	}
	after, err := s.ContentVersion(t.Context())
	must(t, err)
	same(t, after, version) // pages stay as they are
}

func TestMirrors(t *testing.T) {
	s := open(t)
	start := time.UnixMilli(1_760_000_000_000)
	see := func(id, name string, second int) bool {
		t.Helper()
		refused, err := s.SeeMirror(t.Context(), store.Mirror{ID: id, Name: name, SeenAt: start.Add(time.Duration(second) * time.Second)})
		must(t, err)
		return refused
	}
	same(t, see("aaaaaaaa", "attic", 0), false)
	same(t, see("bbbbbbbb", "barn", 1), false)
	m, err := s.RefuseMirror(t.Context(), "attic", true)
	must(t, err)
	same(t, m.Refused, true)
	same(t, see("aaaaaaaa", "attic, renamed", 2), true)
	if _, err := s.RefuseMirror(t.Context(), "nobody", true); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
	see("cccccccc", "barn", 3)
	if _, err := s.RefuseMirror(t.Context(), "barn", true); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("two of that name: %v", err)
	}
	if _, err := s.RefuseMirror(t.Context(), "bbbbbb", true); err != nil {
		t.Errorf("by its id: %v", err)
	}
	// A crowd of made-up ones does not push out a refusal, and does not grow without end.
	for i := range 300 {
		see(fmt.Sprintf("%08x", i), "crowd", 10+i)
	}
	same(t, see("aaaaaaaa", "attic", 1000), true)
	list, err := s.Mirrors(t.Context())
	must(t, err)
	same(t, len(list), 202)
	_, err = s.RefuseMirror(t.Context(), "aaaaaaaa", false)
	must(t, err)
	same(t, see("aaaaaaaa", "attic", 1001), false)
}

func TestParseBytes(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"20Mbit", 2_500_000, true}, {"20 Mbit/s", 2_500_000, true}, {"2.5MB", 2_500_000, true}, {"20mbps", 2_500_000, true},
		{"none", 0, true}, {"0", 0, true}, {"", 0, true}, {"2TB", 2e12, true}, {"500 GB", 5e11, true}, {"1k", 1000, true},
		{"100", 0, false}, {"-1MB", 0, false}, {"NaN", 0, false}, {"1e300GB", 0, false}, {"inf", 0, false}, {"MB", 0, false}, {"0.0000001k", 0, false},
	} {
		got, err := store.ParseBytes(c.text)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: %d, %v", c.text, got, err)
		}
	}
	s := open(t)
	for _, c := range []struct {
		key, value string
		ok         bool
	}{
		{"upload.rate", "20Mbit", true}, {"upload.rate", "none", true}, {"upload.rate", "1kbit", false}, {"upload.month", "2TB", true},
		{"upload.month", "2Mbit", false}, {"upload.month", "x", false}, {"p2p", "ask", true}, {"p2p", "maybe", false},
		{"seed.port", "443", true}, {"seed.port", "auto", true}, {"seed.port", "0", false}, {"seed.listen", ":6881", true}, {"seed.listen", "", true}, {"seed.listen", "6881", false},
	} {
		if err := s.SetSetting(t.Context(), c.key, c.value); (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.key, c.value, err)
		}
	}
}
