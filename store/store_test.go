package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/store"
)

// open returns a new database in a folder of its own.
func open(t testing.TB) *store.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "tubelet.db"))
}

func openAt(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// sample returns a public video that is watchable in one rendition.
func sample(title string, tags ...string) store.NewVideo {
	return store.NewVideo{Video: store.Video{
		ID: store.NewID(), Title: title, Tags: tags, Visibility: store.Public, Downloads: true,
		Media: store.Media{
			State: store.Watchable, SourceName: "talk.mov", SourceBytes: 1000, Duration: 90 * time.Second,
			Width: 1920, Height: 1080, FPS: 25, HasVideo: true, HasAudio: true,
			Renditions: []store.Rendition{rendition(1080)},
		},
	}}
}

func rendition(height int) store.Rendition {
	return store.Rendition{
		Height: height, File: fmt.Sprintf("%dp.mp4", height), Playlist: fmt.Sprintf("%dp.m3u8", height),
		Bytes: 5000, Width: height * 16 / 9, PixHeight: height, FPS: 25, Codecs: "avc1.640028,mp4a.40.2",
		Bandwidth: 3_000_000, Average: 2_000_000,
	}
}

func create(t testing.TB, s *store.Store, v store.NewVideo) store.NewVideo {
	t.Helper()
	must(t, s.CreateVideo(t.Context(), v))
	return v
}

func load(t testing.TB, s *store.Store, id string) store.Video {
	t.Helper()
	v, err := s.Video(t.Context(), id)
	must(t, err)
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("not what was wanted (-want +got):\n%s", d)
	}
}

func TestOpenReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tubelet.db")
	if s, err := store.OpenReadOnly(t.Context(), path); err == nil {
		s.Close()
		t.Error("opened what is not there")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("made what was not there: %v", err)
	}
	s, err := store.Open(t.Context(), path)
	must(t, err)
	must(t, s.CreateChannel(t.Context(), store.Channel{Handle: "workshop", Domain: "video.example", Name: "Workshop"}))
	must(t, s.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	r, err := store.OpenReadOnly(t.Context(), path)
	must(t, err)
	if c, err := r.Channel(t.Context()); err != nil || c.Name != "Workshop" {
		t.Errorf("read %+v, %v", c, err)
	}
	if err := r.SetSetting(t.Context(), "threads", "3"); err == nil {
		t.Error("wrote")
	}
	must(t, r.Close())
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
	if left, _ := filepath.Glob(path + "-*"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	// A name in which every character means something in a URI.
	path := filepath.Join(t.TempDir(), "a b%20?c#d&e=f.db")
	s := openAt(t, path)
	must(t, s.CreateChannel(t.Context(), store.Channel{Handle: "h", Domain: "d"}))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("mode of %q is %o", info.Name(), mode)
		}
	}
}

func TestDataVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tubelet.db")
	a, b := openAt(t, path), openAt(t, path)
	last, err := a.DataVersion(t.Context())
	must(t, err)
	step := func(what string, change bool) {
		t.Helper()
		now, err := a.DataVersion(t.Context())
		must(t, err)
		if (now != last) != change {
			t.Errorf("%s: the version was %d and is %d", what, last, now)
		}
		last = now
	}
	step("nothing", false)
	v := create(t, a, sample("one"))
	step("own commit", true)
	must(t, b.DeleteVideo(t.Context(), v.ID))
	step("commit of another", true)
	load := func() { _, _, err := a.Videos(t.Context(), store.List{}); must(t, err) }
	load()
	step("a read", false)
	must(t, a.RequeueRunning(t.Context()))
	step("a write that changed nothing", false)
}

// Two handles stand for two processes: SQLite locks between them all the same.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tubelet.db")
	stores := []*store.Store{openAt(t, path), openAt(t, path)}
	v := create(t, stores[0], sample("counted"))
	const each = 25
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range each {
				if err := stores[i%2].AddViews(t.Context(), map[string]int64{v.ID: 1}); err != nil {
					t.Error(err)
				}
				if _, err := stores[(i+1)%2].Video(t.Context(), v.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := load(t, stores[0], v.ID).Views; got != 8*each {
		t.Errorf("%d of %d views were kept", got, 8*each)
	}
}

func TestMaintainForgetsOldJobs(t *testing.T) {
	s := open(t)
	id, err := s.Enqueue(t.Context(), store.Job{Kind: "poster"})
	must(t, err)
	_, err = s.ClaimJob(t.Context(), time.Now())
	must(t, err)
	must(t, s.FinishJob(t.Context(), id, nil))
	must(t, s.Maintain(t.Context(), time.Now()))
	_, err = s.Job(t.Context(), id)
	must(t, err)
	must(t, s.Maintain(t.Context(), time.Now().AddDate(0, 2, 0)))
	_, err = s.Job(t.Context(), id)
	wantError(t, err, store.ErrNotFound)
}
