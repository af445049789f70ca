package wire_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// TestDocumented asks docs/json.md for every key that is ever printed.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range []any{
		wire.Video{}, wire.Job{}, wire.Progress{}, wire.Milestone{}, wire.Trouble{}, wire.Setting{}, wire.Init{}, wire.Channel{},
		wire.Listening{}, wire.Removed{}, wire.Version{}, wire.DryRun{}, wire.Swarm{}, wire.Mirror{}, wire.Mirrored{}, wire.MirrorSettings{}, exit.Report{},
		wire.Backup{}, wire.BackupCheck{}, wire.Restored{}, wire.Exported{}, wire.GC{}, wire.Verified{}, wire.Repaired{}, wire.Doctor{}, wire.Install{}, wire.Way{}, wire.Tried{},
	} {
		for _, key := range keys(reflect.TypeOf(shape)) {
			if !strings.Contains(string(doc), "`"+key+"`") {
				t.Errorf("%T: docs/json.md does not name %s", shape, key)
			}
		}
	}
}

// keys returns the keys of a shape and of what is in it.
func keys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	var list []string
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(append(list, key), keys(f.Type)...)
	}
	return list
}

func site() wire.Site {
	return wire.Site{
		Data:    "/data",
		Channel: store.Channel{Domain: "video.example"},
		Preview: func(id string) string { return id + "~key" },
	}
}

func video() store.Video {
	return store.Video{
		ID: "k3v9x2m1qa", Title: "A talk", Visibility: store.Public, PublishedAt: time.Unix(1, 0),
		Captions: []store.Caption{{Language: "en", Label: "English", File: "en-12345678.vtt"}},
		Chapters: []store.Chapter{{Start: 1500 * time.Millisecond, Title: "One"}},
		Media: store.Media{
			Rev: 2, State: store.Done, Duration: 2500 * time.Millisecond, Poster: "poster-12345678.jpg",
			Renditions: []store.Rendition{{Height: 720, File: "720p.mp4", Bytes: 7}},
		},
	}
}

func TestVideo(t *testing.T) {
	got := site().Video(video())
	if got.URL != "https://video.example/w/k3v9x2m1qa" || got.PreviewURL != "" || got.Duration != 2.5 ||
		got.Poster != "/data/videos/k3v9x2m1qa/2/poster-12345678.jpg" || got.Source.Path != "" {
		t.Errorf("%+v", got)
	}
	want := []wire.Rendition{{
		Height: 720, Bytes: 7, Path: "/data/videos/k3v9x2m1qa/2/720p.mp4",
		URL: "https://video.example/media/k3v9x2m1qa/2/720p.mp4",
	}}
	if diff := cmp.Diff(want, got.Renditions); diff != "" {
		t.Error(diff)
	}
	captions := []wire.Caption{{
		Language: "en", Label: "English", Path: "/data/videos/k3v9x2m1qa/captions/en-12345678.vtt",
		URL: "https://video.example/media/k3v9x2m1qa/captions/en-12345678.vtt",
	}}
	if diff := cmp.Diff(captions, got.Captions); diff != "" {
		t.Error(diff)
	}
}

func TestHidden(t *testing.T) {
	draft, scheduled, working, shown := video(), video(), video(), video()
	draft.Visibility, draft.PublishedAt = store.Draft, time.Time{}
	scheduled.PublishAt, scheduled.PublishedAt = time.Now().Add(time.Hour), time.Time{}
	working.PublishedAt = time.Time{}
	shown.PublishAt = time.Unix(1, 0)
	for name, tt := range map[string]struct {
		v      store.Video
		hidden bool
	}{"draft": {draft, true}, "scheduled": {scheduled, true}, "not yet watchable": {working, false}, "shown": {shown, false}} {
		got := site().Video(tt.v)
		if strings.Contains(got.PreviewURL, "/w/k3v9x2m1qa~key") != tt.hidden ||
			strings.Contains(got.Renditions[0].URL, "~key") != tt.hidden ||
			strings.Contains(got.Captions[0].URL, "~key") != tt.hidden ||
			strings.Contains(site().Address(tt.v), "~key") != tt.hidden ||
			strings.Contains(got.URL+got.Renditions[0].Path, "~key") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNothingIsNull asks that what a program loops over is there in an empty video too.
func TestNothingIsNull(t *testing.T) {
	text, err := json.Marshal(site().Video(store.Video{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"tags", "renditions", "captions", "chapters"} {
		if !strings.Contains(string(text), `"`+key+`":[]`) {
			t.Errorf("%s is no empty array in %s", key, text)
		}
	}
}

func TestEvents(t *testing.T) {
	job := store.Job{ID: 7, Kind: "poster"}
	for kind, want := range map[string]any{
		work.EventProgress: wire.Progress{Event: "progress", Stage: "s", Percent: 40, Speed: 2, ETA: 1.5},
		work.EventWaiting:  wire.Trouble{Event: "waiting", Job: 7, Kind: "poster", Reason: "r"},
		work.EventFailed:   wire.Trouble{Event: "failed", Job: 7, Kind: "poster", Reason: "r"},
		work.EventDone: wire.Milestone{
			Event: "done", ID: "k3v9x2m1qa", URL: "https://video.example/w/k3v9x2m1qa", Video: site().Video(video()),
		},
	} {
		got := site().Event(work.Event{
			Kind: kind, Job: job, Stage: "s", Percent: 40, Speed: 2, ETA: 1500 * time.Millisecond, Reason: "r", Video: video(),
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDryRun(t *testing.T) {
	d := work.DryRun{
		Title: "t", Source: media.Source{HasVideo: true, VideoCodec: "vp9", Width: 640, Height: 360, Duration: time.Minute},
		Plan: media.Plan{Rungs: []media.Rung{{Height: 360}, {Height: 240}}, First: []int{240}},
	}
	got := wire.NewDryRun(d)
	if got.CopyReason == "" || got.Rungs[0].First || !got.Rungs[1].First || got.Duration != 60 {
		t.Errorf("%+v", got)
	}
}
