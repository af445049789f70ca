package work_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// until polls for what another goroutine brings about.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// running runs the server's loop until the test ends.
func running(t *testing.T, w *work.Worker) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func TestWithoutFFmpeg(t *testing.T) {
	ready := clip(t, "ready.mp4", "854x480", 10, 3)
	other := clip(t, "other.avi", "320x180", 10, 3, "-c:v", "mpeg4", "-c:a", "mp3")
	b := newBench(t, noFFmpeg())

	v := b.publish(work.Publish{Path: ready})
	if v.Media.State != store.Watchable || !v.Listed() || !slices.Equal(heights(v), []int{480}) {
		t.Errorf("web-ready: %s %v", v.Media.State, heights(v))
	}
	x := b.publish(work.Publish{Path: other})
	if x.Media.State != store.Processing || x.Media.SourceFile != "source.avi" || x.Title != "Other" {
		t.Errorf("other: %+v", x)
	}
	if _, err := b.Publish(t.Context(), work.Publish{Path: clip(t, "t.mp4", "320x180", 10, 2), Thumbnail: "1"}, nil); err == nil || !strings.Contains(err.Error(), "apt install ffmpeg") {
		t.Errorf("thumbnail without ffmpeg: %v", err)
	}
	for _, id := range []string{v.ID, x.ID} {
		events := b.follow(id, 0)
		if !slices.ContainsFunc(events, func(e work.Event) bool {
			return e.Kind == work.EventWaiting && e.Reason == "waiting for ffmpeg: install it (apt install ffmpeg)"
		}) {
			t.Errorf("events of %s: %+v", id, events)
		}
	}
	for _, j := range b.jobs("", true) {
		if j.State != store.JobWaiting || !strings.HasPrefix(j.Reason, "waiting for ffmpeg") {
			t.Errorf("%s is %s: %s", j.Kind, j.State, j.Reason)
		}
	}
	b.clean()

	b = openBench(t, b.data, media.Config{}) // it was installed
	b.follow(v.ID, 0)
	b.follow(x.ID, 0)
	v, x = b.video(v.ID), b.video(x.ID)
	if v.Media.State != store.Done || !slices.Equal(heights(v), []int{480, 360}) || v.Media.Poster == "" {
		t.Errorf("web-ready: %+v", v.Media)
	}
	if x.Media.State != store.Done || x.Media.Duration < 2*time.Second || x.Media.Height != 180 || !x.Media.HasAudio {
		t.Errorf("other: %+v", x.Media)
	}
	b.clean()
}

// A picture that could be copied waits for ffmpeg where the sound has to be encoded.
func TestOtherSoundWithoutFFmpeg(t *testing.T) {
	encode := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20", "-c:a"}
	clips := []string{
		clip(t, "mp3.mp4", "320x180", 10, 2, append(encode, "mp3")...),
		clip(t, "opus.mp4", "320x180", 10, 2, append(encode, "libopus")...),
		clip(t, "opus.mkv", "320x180", 10, 2, append(encode, "libopus")...),
	}
	b := newBench(t, noFFmpeg())
	var ids []string
	for _, path := range clips {
		v := b.publish(work.Publish{Path: path})
		if v.Media.State != store.Processing || v.Media.SourceFile == "" {
			t.Errorf("%s: %+v", path, v.Media)
		}
		ids = append(ids, v.ID)
		b.follow(v.ID, 0)
	}
	b = openBench(t, b.data, media.Config{})
	for i, id := range ids {
		b.follow(id, 0)
		if m := b.video(id).Media; m.State != store.Done || !m.HasAudio || !m.HasVideo {
			t.Errorf("%s: %+v", clips[i], m)
		}
	}
	b.clean()
}

func TestFFmpegAppearsWhileTheServerRuns(t *testing.T) {
	bin := t.TempDir()
	cfg := media.Config{FFmpeg: filepath.Join(bin, "ffmpeg"), FFprobe: filepath.Join(bin, "ffprobe")}
	b := newBench(t, cfg)
	v := b.publish(work.Publish{Path: clip(t, "other.avi", "320x180", 10, 2, "-c:v", "mpeg4", "-c:a", "mp3")})
	running(t, b.Worker)
	until(t, "the jobs wait", func() bool {
		return !slices.ContainsFunc(b.jobs(v.ID, true), func(j store.Job) bool { return j.State != store.JobWaiting })
	})
	for _, tool := range []string{"ffprobe", "ffmpeg"} {
		if err := os.Symlink("/usr/bin/"+tool, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the video is done", func() bool { return b.video(v.ID).Media.State == store.Done })
}

// What nobody could look into turns out to be no video once ffmpeg is there.
func TestRefusedLater(t *testing.T) {
	b := newBench(t, noFFmpeg())
	v := b.publish(work.Publish{Path: write(t, "a.mkv", "\x1a\x45\xdf\xa3"+strings.Repeat("no video ", 1000))})
	b = openBench(t, b.data, media.Config{})
	err := b.Follow(t.Context(), v.ID, 0, nil)
	var failed *work.FailedError
	if !errors.As(err, &failed) || failed.Reason == "" {
		t.Errorf("got %v", err)
	}
	if v = b.video(v.ID); v.Media.State != store.Failed || v.Media.Error == "" || v.Listed() {
		t.Errorf("%+v", v)
	}
	b.clean()
}

func TestCancelAndRetry(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.avi", "854x480", 25, 40, "-c:v", "mpeg4", "-c:a", "mp3")})
	running(t, b.Worker)
	find := func() (j store.Job) {
		for _, j = range b.jobs(v.ID, false) {
			if j.Kind == "transcode" {
				return j
			}
		}
		return store.Job{}
	}
	until(t, "transcode runs", func() bool { return find().State == store.JobRunning })
	if err := b.Cancel(t.Context(), find().ID); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(b.data, "work", "job-2")
	until(t, "its folder is removed", func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) })
	if m := b.video(v.ID).Media; m.State != store.Failed || m.Error != "cancelled" || find().Reason != "cancelled" {
		t.Errorf("cancelled: %+v, job %+v", m, find())
	}
	if err := b.Retry(t.Context(), find().ID); err != nil {
		t.Fatal(err)
	}
	until(t, "it is done", func() bool { return b.video(v.ID).Media.State == store.Done })
}

func TestRemoveWhileItIsMade(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.avi", "854x480", 25, 40, "-c:v", "mpeg4", "-c:a", "mp3")})
	running(t, b.Worker)
	until(t, "transcode runs", func() bool {
		return slices.ContainsFunc(b.jobs(v.ID, true), func(j store.Job) bool { return j.Kind == "transcode" && j.State == store.JobRunning })
	})
	if err := b.Remove(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is left", func() bool {
		return len(files(t, filepath.Join(b.data, "work"))) == 0 && len(files(t, filepath.Join(b.data, "videos"))) == 0
	})
}

func TestSchedule(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a.mp4", "320x180", 10, 2)
	soon := time.Now().Add(3 * time.Second)
	v := b.publish(work.Publish{Path: path, At: soon})
	if v.Visible() || v.Media.State == store.Processing {
		t.Errorf("too early: %+v", v)
	}
	b.follow(v.ID, 0)
	running(t, b.Worker)
	until(t, "it is published", func() bool { return b.video(v.ID).Visible() })
	if late := b.video(v.ID).PublishedAt.Sub(soon); late < 0 || late > 2*time.Second {
		t.Errorf("%v late", late)
	}
}

// A job that runs for hours, here or in another process, delays no scheduled video.
func TestScheduleWhileAJobRuns(t *testing.T) {
	long := clip(t, "a.avi", "854x480", 25, 60, "-c:v", "mpeg4", "-c:a", "mp3")
	short := clip(t, "b.mp4", "320x180", 10, 2)
	drivers := map[string]func(b *bench, id string){
		"server":  func(b *bench, _ string) { running(b.t, b.Worker) },
		"command": func(b *bench, id string) { following(b, id) },
	}
	for name, drive := range drivers {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, media.Config{})
			busy := b.publish(work.Publish{Path: long})
			drive(b, busy.ID)
			transcoding := func() bool {
				return slices.ContainsFunc(b.jobs(busy.ID, true), func(j store.Job) bool { return j.Kind == "transcode" && j.State == store.JobRunning })
			}
			until(t, "transcode runs", transcoding)
			soon := time.Now().Add(time.Second)
			v := b.publish(work.Publish{Path: short, At: soon})
			until(t, "it is published", func() bool { return b.video(v.ID).Visible() })
			if !transcoding() {
				t.Error("it had to wait")
			}
		})
	}
}

// following follows a video until the test ends.
func following(b *bench, id string) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Follow(ctx, id, 0, nil) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			b.t.Errorf("follow: %v", err)
		}
	})
}

func TestMissedScheduleFiresOnceAtStart(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.mp4", "320x180", 10, 2), At: time.Now().Add(time.Second)})
	until(t, "the moment passes", func() bool { return time.Now().After(v.PublishAt) })
	if b.video(v.ID).Visible() {
		t.Error("published by nobody")
	}
	if did, err := b.RunOnce(t.Context()); !did || err != nil {
		t.Errorf("%v %v", did, err)
	}
	first := b.video(v.ID).PublishedAt
	if first.IsZero() {
		t.Fatal("not published")
	}
	b.follow(v.ID, 0)
	if again := b.video(v.ID).PublishedAt; !again.Equal(first) {
		t.Errorf("published at %v and at %v", first, again)
	}
}

// A video that nobody can watch yet does not wait for the rest of another one's ladder.
func TestFirstRenditionGoesBeforeALadder(t *testing.T) {
	b := newBench(t, media.Config{})
	long := b.publish(work.Publish{Path: clip(t, "long.mp4", "854x480", 25, 60)})
	running(t, b.Worker)
	until(t, "the ladder runs", func() bool {
		return slices.ContainsFunc(b.jobs(long.ID, true), func(j store.Job) bool { return j.Kind == "ladder" && j.State == store.JobRunning })
	})
	short := b.publish(work.Publish{Path: clip(t, "short.avi", "320x180", 10, 2, "-c:v", "mpeg4", "-c:a", "mp3")})
	until(t, "the short one is watchable", func() bool { return len(b.video(short.ID).Media.Renditions) > 0 })
	if b.video(long.ID).Media.State == store.Done {
		t.Error("it had to wait")
	}
	until(t, "the long one is done", func() bool { return b.video(long.ID).Media.State == store.Done })
}

// Nor does the picture of a new video.
func TestPosterGoesBeforeALadder(t *testing.T) {
	b := newBench(t, media.Config{})
	long := b.publish(work.Publish{Path: clip(t, "long.mp4", "854x480", 25, 60)})
	next := clip(t, "next.mp4", "320x180", 10, 2)
	running(t, b.Worker)
	until(t, "the ladder runs", func() bool {
		return slices.ContainsFunc(b.jobs(long.ID, true), func(j store.Job) bool { return j.Kind == "ladder" && j.State == store.JobRunning })
	})
	short := b.publish(work.Publish{Path: next})
	until(t, "there is a poster", func() bool { return b.video(short.ID).Media.Poster != "" })
	if b.video(long.ID).Media.State == store.Done {
		t.Error("it had to wait")
	}
}

// The original of a video with a second sound track is tidied away once.
func TestTidyIsQueuedOnce(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "two.mkv", "640x480", 10, 2, "-map", "0:v", "-map", "1:a", "-map", "1:a",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20", "-c:a", "aac",
		"-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra")
	v := b.publish(work.Publish{Path: path})
	b.follow(v.ID, 0)
	tidies := 0
	for _, j := range b.jobs(v.ID, false) {
		if j.Kind == "tidy" {
			tidies++
		}
	}
	if tidies != 1 || b.video(v.ID).Media.SourceFile != "" {
		t.Errorf("%d tidy jobs, source %q", tidies, b.video(v.ID).Media.SourceFile)
	}
}

// Follow watches while another process works, and takes over when that one ends.
func TestFollowTakesOver(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.avi", "854x480", 25, 20, "-c:v", "mpeg4", "-c:a", "mp3")})
	ctx, cancel := context.WithCancel(t.Context())
	server := make(chan error)
	go func() { server <- openBench(t, b.data, media.Config{}).Run(ctx) }()
	until(t, "transcode runs", func() bool {
		return slices.ContainsFunc(b.jobs(v.ID, true), func(j store.Job) bool { return j.Kind == "transcode" && j.State == store.JobRunning })
	})
	over := make(chan error)
	go func() { over <- b.Follow(t.Context(), v.ID, 0, nil) }()
	cancel()
	if err := <-server; err != nil {
		t.Errorf("server: %v", err)
	}
	if err := <-over; err != nil {
		t.Errorf("follow: %v", err)
	}
	if m := b.video(v.ID).Media; m.State != store.Done {
		t.Errorf("%+v", m)
	}
	b.clean()
}

// A sweep in one process leaves alone what another one is publishing.
func TestSweepSparesThePublisher(t *testing.T) {
	b := newBench(t, media.Config{})
	path := clip(t, "a.mp4", "320x180", 10, 3)
	ctx, cancel := context.WithCancel(t.Context())
	swept := make(chan error)
	go func() {
		var err error
		for ctx.Err() == nil && err == nil {
			err = b.Sweep(t.Context())
		}
		swept <- err
	}()
	v := b.publish(work.Publish{Path: path})
	cancel()
	if err := <-swept; err != nil {
		t.Fatal(err)
	}
	b.whole()
	b.follow(v.ID, 0)
	b.clean()
}

func TestSweepRemovesOrphans(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.mp4", "320x180", 10, 2)})
	for _, orphan := range []string{"videos/aaaaaaaaaa/1/360p.mp4", "videos/" + v.ID + "/1/poster-00000000.jpg",
		"videos/" + v.ID + "/2/source.mp4", "videos/stray", "work/in-dead/.lock", "work/in-dead/spool", "work/job-999/chunks/x", "try-1"} {
		path := filepath.Join(b.data, orphan)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.clean()
	if _, err := os.Stat(filepath.Join(b.data, "videos", "aaaaaaaaaa")); !os.IsNotExist(err) {
		t.Error("the empty folder is left")
	}
}

// A kill between a picture of the channel and its row, or between the row and the removal of
// the picture before, leaves one that nothing names.
func TestSweepRemovesPictures(t *testing.T) {
	b := newBench(t, media.Config{})
	image := filepath.Join(t.TempDir(), "me.png")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x320", "-frames:v", "1", image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := filepath.Join(b.data, "channel")
	c, err := b.store.Channel(t.Context())
	if err == nil {
		err = b.EditChannel(t.Context(), work.ChannelEdit{Channel: c, Avatar: image, Banner: image})
	}
	if err != nil {
		t.Fatal(err)
	}
	named := files(t, dir)
	if len(named) != 2 {
		t.Fatalf("pictures: %v", named)
	}
	for _, orphan := range []string{"avatar-00000000.jpg", "banner-00000000.jpg", "half"} {
		if err := os.WriteFile(filepath.Join(dir, orphan), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.clean()
	if left := files(t, dir); !slices.Equal(left, named) {
		t.Errorf("left %v, named %v", left, named)
	}
}

// A file that cannot be removed, here because it is the kernel's, stops no work.
func TestSweepGoesOnWorking(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.mp4", "320x180", 10, 2), At: time.Now().Add(50 * time.Millisecond)})
	b.follow(v.ID, 0)
	folder, stray := filepath.Join(b.data, "work"), filepath.Join(b.data, "videos", "stray")
	if err := errors.Join(os.RemoveAll(folder), os.Symlink("/proc/self/fdinfo", folder), os.WriteFile(stray, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Enqueue(t.Context(), store.Job{Kind: "remove", Video: v.ID, Rev: 1}); err != nil {
		t.Fatal(err)
	}
	for {
		did, err := b.RunOnce(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !did {
			break
		}
	}
	if open := b.jobs(v.ID, true); len(open) > 0 {
		t.Errorf("left to do: %+v", open)
	}
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Errorf("the other orphan is left: %v", err)
	}
}

// A job that ends its process each time is given up by whoever comes after.
func TestCrashLoopEnds(t *testing.T) {
	b := newBench(t, media.Config{})
	v := b.publish(work.Publish{Path: clip(t, "a.avi", "320x180", 10, 2, "-c:v", "mpeg4", "-c:a", "mp3")})
	for range 15 {
		for range b.jobs(v.ID, true) {
			if _, err := b.store.ClaimJob(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.store.RequeueRunning(t.Context()); err != nil { // the process has died
			t.Fatal(err)
		}
	}
	var failed *work.FailedError
	if err := b.Follow(t.Context(), v.ID, 0, nil); !errors.As(err, &failed) || !strings.Contains(failed.Reason, "memory") {
		t.Errorf("got %v", err)
	}
	b.clean()
}
