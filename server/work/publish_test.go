package work_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func heights(v store.Video) []int {
	var list []int
	for _, r := range v.Media.Renditions {
		list = append(list, r.Height)
	}
	return list
}

func TestPublishWebReady(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "my-talk_2026.mp4", "854x480", 10, 4)
	v := b.publish(work.Publish{
		Path: path, Description: "What it is.\n\n0:00 Start\n0:02 End\n", Tags: []string{"#Pi"},
		Captions: map[string]string{"de": write(t, "a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHallo\n")},
	})
	if v.Title != "My talk 2026" || v.Media.State != store.Watchable || len(v.Media.SourceSHA256) != 64 {
		t.Errorf("published %q, %s, sum %q", v.Title, v.Media.State, v.Media.SourceSHA256)
	}
	if !v.Listed() || len(v.Captions) != 1 || v.Captions[0].Label != "Deutsch" || len(v.Chapters) != 2 {
		t.Errorf("published %+v", v)
	}
	if v.Media.SourceFile != "" || len(v.Media.Renditions) != 1 || !v.Media.Renditions[0].Copied {
		t.Errorf("the source is %q, renditions %+v", v.Media.SourceFile, v.Media.Renditions)
	}
	b.whole()
	events := b.follow(v.ID, 0)
	if !slices.ContainsFunc(events, func(e work.Event) bool { return e.Kind == work.EventWatchable }) ||
		!slices.ContainsFunc(events, func(e work.Event) bool { return e.Kind == work.EventDone }) {
		t.Errorf("events %+v", events)
	}
	v = b.video(v.ID)
	if v.Media.State != store.Done || !slices.Equal(heights(v), []int{480, 360}) || v.Media.Poster == "" || v.Media.Thumb == "" || v.Media.Storyboard.File == "" {
		t.Errorf("done: %s %v poster %q %q storyboard %q", v.Media.State, heights(v), v.Media.Poster, v.Media.Thumb, v.Media.Storyboard.File)
	}
	for _, j := range b.jobs(v.ID, false) {
		if j.State != store.JobDone {
			t.Errorf("job %s is %s: %s", j.Kind, j.State, j.Reason)
		}
	}
	b.clean()
}

func TestPublishKeepsWhatCannotBeCopied(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "old.avi", "320x180", 10, 3, "-c:v", "mpeg4", "-c:a", "mp3")
	v := b.publish(work.Publish{Path: path, Title: "Old"})
	if v.Media.State != store.Processing || v.Media.SourceFile != "source.avi" || v.Listed() {
		t.Errorf("published %s, source %q", v.Media.State, v.Media.SourceFile)
	}
	b.follow(v.ID, 0)
	v = b.video(v.ID)
	if v.Media.State != store.Done || len(v.Media.Renditions) == 0 || v.Media.SourceFile == "" || !v.Listed() {
		t.Errorf("done: %+v", v.Media)
	}
	b.clean()
}

func TestKeepOriginalsAlways(t *testing.T) {
	b := newBench(t, media.Config{})
	if err := b.store.SetSetting(t.Context(), "keep_originals", "always"); err != nil {
		t.Fatal(err)
	}
	path := clip(t, "a.mp4", "320x180", 10, 2)
	v := b.publish(work.Publish{Path: path})
	b.follow(v.ID, 0)
	v = b.video(v.ID)
	want, _ := os.ReadFile(path)
	got, err := os.ReadFile(filepath.Join(b.data, "videos", v.ID, "1", v.Media.SourceFile))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the original is not kept as it was: %v", err)
	}
	b.clean()
}

// A web-ready file with a second language is copied, but its original is needed until the
// other track and the subtitles are taken out of it.
func TestOriginalStaysUntilItsTracksAreMade(t *testing.T) {
	b := newBench(t, media.Config{})
	srt := write(t, "s.srt", "1\n00:00:00,500 --> 00:00:01,500\nBonjour\n")
	path := clip(t, "two.mkv", "320x180", 10, 3, "-i", srt, "-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "2:s",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20", "-c:a", "aac", "-c:s", "srt",
		"-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra", "-metadata:s:s:0", "language=fra")
	v := b.publish(work.Publish{Path: path})
	if v.Media.State != store.Watchable || v.Media.SourceFile != "source.mkv" {
		t.Errorf("published %s with source %q", v.Media.State, v.Media.SourceFile)
	}
	b.follow(v.ID, 0)
	v = b.video(v.ID)
	french := slices.ContainsFunc(v.Media.Renditions, func(r store.Rendition) bool { return r.Height == 0 && r.Language == "fr" })
	if v.Media.State != store.Done || !french || v.Media.SourceFile != "" || len(v.Captions) != 1 || v.Captions[0].Language != "fr" {
		t.Errorf("done: %+v, captions %+v", v.Media, v.Captions)
	}
	b.clean()
}

func TestPublishFromStandardInput(t *testing.T) {
	for _, name := range []string{"a.mp4", "a.avi"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, media.Config{})
			args := []string{}
			if name == "a.avi" {
				args = []string{"-c:v", "mpeg4", "-c:a", "mp3"}
			}
			data, err := os.ReadFile(clip(t, name, "320x180", 10, 2, args...))
			if err != nil {
				t.Fatal(err)
			}
			v := b.publish(work.Publish{Stdin: bytes.NewReader(data), Title: "Piped"})
			if _, err := b.Publish(t.Context(), work.Publish{Stdin: bytes.NewReader(data)}, nil); !errors.Is(err, store.ErrExists) {
				t.Errorf("the second time: %v", err)
			}
			b.follow(v.ID, 0)
			if v = b.video(v.ID); v.Media.State != store.Done || v.Media.SourceBytes != int64(len(data)) {
				t.Errorf("done: %+v", v.Media)
			}
			b.clean()
		})
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t, media.Config{})
	good := clip(t, "a.mp4", "320x180", 10, 2)
	var refused *media.RefusedError
	var input *work.InputError
	tests := []struct {
		name   string
		p      work.Publish
		target any
		says   string
	}{
		{"text", work.Publish{Path: write(t, "a.mp4", "no video at all, but some text")}, &refused, ""},
		{"empty", work.Publish{Path: write(t, "b.mp4", "")}, &refused, ""},
		{"empty pipe", work.Publish{Stdin: strings.NewReader("")}, &refused, ""},
		{"missing", work.Publish{Path: "/nowhere.mp4"}, &input, "there is no file /nowhere.mp4"},
		{"folder", work.Publish{Path: t.TempDir()}, &input, "is a folder"},
		{"none", work.Publish{}, &input, "none was given"},
		{"language", work.Publish{Path: good, Language: "xx-yy-zz-1"}, &input, "is no language"},
		{"captions", work.Publish{Path: good, Captions: map[string]string{"en": write(t, "c.srt", "nonsense")}}, &input, "captions en"},
		{"chapters", work.Publish{Path: good, Chapters: write(t, "c.txt", "nonsense")}, &input, "chapters"},
		{"late chapter", work.Publish{Path: good, Chapters: write(t, "d.txt", "0:00 A\n9:00 B\n")}, &input, "the video ends at 2s"},
		{"thumbnail file", work.Publish{Path: good, Thumbnail: "nowhere.jpg"}, &input, "thumbnail"},
		{"thumbnail time", work.Publish{Path: good, Thumbnail: "9:00"}, &input, "give an earlier time"},
		{"thumbnail is no picture", work.Publish{Path: good, Thumbnail: write(t, "x.jpg", "no picture")}, &input, "thumbnail"},
		{"draft with a date", work.Publish{Path: good, Visibility: store.Draft, At: time.Now().Add(time.Hour)}, &input, "draft"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			_, err := b.Publish(t.Context(), tt.p, nil)
			if !errors.As(err, tt.target) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %T %v", err, err)
			}
			b.empty()
		})
	}
}

func TestInterruptedPublishLeavesNothing(t *testing.T) {
	b := newBench(t, media.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	defer writer.Close()
	go func() {
		writer.Write(make([]byte, 1<<20))
		cancel()
	}()
	if _, err := b.Publish(ctx, work.Publish{Stdin: reader}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.empty()
}

func TestReplace(t *testing.T) {
	b := newBench(t, media.Config{})
	one := clip(t, "one.mp4", "320x180", 10, 2)
	v := b.publish(work.Publish{Path: one, Title: "Stays"})
	b.follow(v.ID, 0)
	var known *store.DuplicateError
	if _, _, err := b.Replace(t.Context(), v.ID, one, nil, nil); !errors.As(err, &known) || known.ID != v.ID {
		t.Errorf("the same file: %v", err)
	}
	two := clip(t, "two.avi", "320x180", 10, 3, "-c:v", "mpeg4", "-c:a", "mp3")
	served, rev, err := b.Replace(t.Context(), v.ID, two, nil, nil)
	if err != nil || rev != 2 || served.Media.Rev != 1 || served.Title != "Stays" {
		t.Fatalf("replace: rev %d, serves %d, %v", rev, served.Media.Rev, err)
	}
	b.follow(v.ID, rev)
	if v = b.video(v.ID); v.Media.Rev != 2 || v.Media.State != store.Done {
		t.Errorf("serves %d, %s", v.Media.Rev, v.Media.State)
	}
	b.whole() // the old files are there for who watches them
	for _, j := range b.jobs(v.ID, true) {
		if j.Kind != "remove" || j.RunAt.Before(time.Now().Add(10*time.Minute)) {
			t.Errorf("open job %s at %v", j.Kind, j.RunAt)
		}
		if err := b.Retry(t.Context(), j.ID); err != nil { // now
			t.Error(err)
		}
	}
	if did, err := b.RunOnce(t.Context()); !did || err != nil {
		t.Errorf("%v %v", did, err)
	}
	if left := files(t, filepath.Join(b.data, "videos", v.ID, "1")); len(left) > 0 {
		t.Errorf("the replaced files are left: %v", left)
	}
	b.clean()
	if _, _, err := b.Replace(t.Context(), "nosuchvideo", two, nil, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such video: %v", err)
	}
}

// Work that failed leaves a video without anything to play: its file may be given again.
func TestTheSameFileAfterAFailure(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a.avi", "320x180", 10, 2, "-c:v", "mpeg4", "-c:a", "mp3")
	fail := func() store.Video {
		v := b.publish(work.Publish{Path: path})
		for _, j := range b.jobs(v.ID, true) {
			if err := b.Cancel(t.Context(), j.ID); err != nil {
				t.Fatal(err)
			}
		}
		return v
	}
	v := fail()
	fail()
	again, rev, err := b.Replace(t.Context(), v.ID, path, nil, nil)
	if err != nil || rev != 2 || again.ID != v.ID {
		t.Fatalf("replace: %s/%d, %v", again.ID, rev, err)
	}
	b.follow(v.ID, rev)
	if v = b.video(v.ID); v.Media.Rev != 2 || v.Media.State != store.Done {
		t.Errorf("%+v", v.Media)
	}
	if _, err := b.Publish(t.Context(), work.Publish{Path: path}, nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("again: %v", err)
	}
}

// Whoever is interrupted once the video is watchable has published it, checksum and all.
func TestInterruptOnceWatchable(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a.mp4", "320x180", 10, 2)
	ctx, cancel := context.WithCancel(t.Context())
	v, err := b.Publish(ctx, work.Publish{Path: path}, func(e work.Event) {
		if e.Kind == work.EventWatchable {
			cancel()
		}
	})
	if err != nil || ctx.Err() == nil || len(v.Media.SourceSHA256) != 64 {
		t.Errorf("%+v, %v", v.Media, err)
	}
	if _, err := b.Publish(t.Context(), work.Publish{Path: path}, nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("again: %v", err)
	}
}

// The same size and time do not make it the same file.
func TestFileSwappedWhileItIsRead(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a.mp4", "320x180", 10, 2)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var swap sync.Once
	_, err = b.Publish(t.Context(), work.Publish{Path: path}, func(work.Event) {
		swap.Do(func() {
			data, _ := os.ReadFile(path)
			next := write(t, "next.mp4", string(data))
			if err := errors.Join(os.Chtimes(next, info.ModTime(), info.ModTime()), os.Rename(next, path)); err != nil {
				t.Error(err)
			}
		})
	})
	var input *work.InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("got %v", err)
	}
	b.empty()
}

func TestSameFileTwiceAtTheSameMoment(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a.mp4", "320x180", 10, 2)
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { _, errs[i] = b.Publish(t.Context(), work.Publish{Path: path}, nil) })
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, store.ErrExists) {
			t.Errorf("loser: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d winners: %v", won, errs)
	}
	b.clean()
}

func TestDryRunWritesNothing(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a-b.mp4", "854x480", 10, 2)
	before := files(t, b.data)
	d, err := b.DryRun(t.Context(), work.Publish{Path: path})
	if err != nil || d.Title != "A b" || !d.Plan.Copy || d.Keeps || d.Duplicate != "" || d.Free <= 0 || d.Needed <= 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if after := files(t, b.data); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
	v := b.publish(work.Publish{Path: path})
	if d, err = b.DryRun(t.Context(), work.Publish{Path: path}); err != nil || d.Duplicate != v.ID || d.Title == "" {
		t.Errorf("known file: %+v, %v", d, err)
	}
}
