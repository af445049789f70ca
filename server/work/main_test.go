package work_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// TestMain lets the test binary be started again as a publisher to be killed.
func TestMain(m *testing.M) {
	switch os.Getenv("TUBELET_TEST_ROLE") {
	case "publisher":
		os.Exit(publisher())
	case "fulldisk":
		os.Exit(fullDisk())
	}
	os.Exit(m.Run())
}

// bench is a channel in a folder of its own with a worker on it.
type bench struct {
	*work.Worker
	t     *testing.T
	data  string
	store *store.Store
}

func newBench(t *testing.T, cfg media.Config) *bench {
	t.Helper()
	return openBench(t, t.TempDir(), cfg)
}

func openBench(t *testing.T, data string, cfg media.Config) *bench {
	t.Helper()
	s, err := openChannel(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := work.New(work.Config{Data: data, Store: s, Media: media.New(cfg)})
	return &bench{Worker: w, t: t, data: data, store: s}
}

// openChannel opens the store in data and makes sure that there is a channel.
func openChannel(ctx context.Context, data string) (*store.Store, error) {
	s, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	if err != nil {
		return nil, err
	}
	if _, err := s.Channel(ctx); err == nil {
		return s, nil
	}
	return s, s.CreateChannel(ctx, store.Channel{Handle: "workshop", Domain: "video.example", Name: "Workshop", Language: "en"})
}

// noFFmpeg is a Config that finds neither program.
func noFFmpeg() media.Config {
	return media.Config{FFmpeg: "/nowhere/ffmpeg", FFprobe: "/nowhere/ffprobe"}
}

// clip makes a video file with ffmpeg: a moving picture and at most five seconds of a tone.
func clip(t *testing.T, name, size string, fps, seconds int, more ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%s:rate=%d:duration=%d", size, fps, seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=330:duration=%d", min(seconds, 5))}
	if len(more) == 0 {
		more = []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", fmt.Sprint(2 * fps), "-c:a", "aac", "-b:a", "64k"}
	}
	out, err := exec.Command("ffmpeg", append(append(args, more...), path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("make clip: %v\n%s", err, out)
	}
	return path
}

func (b *bench) publish(p work.Publish) store.Video {
	b.t.Helper()
	v, err := b.Publish(b.t.Context(), p, nil)
	if err != nil {
		b.t.Fatalf("publish: %v", err)
	}
	return v
}

func (b *bench) follow(id string, rev int) []work.Event {
	b.t.Helper()
	var events []work.Event
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	if err := b.Follow(ctx, id, rev, func(e work.Event) { events = append(events, e) }); err != nil {
		b.t.Fatalf("follow %s: %v", id, err)
	}
	return events
}

func (b *bench) video(id string) store.Video {
	b.t.Helper()
	v, err := b.store.Video(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) jobs(id string, open bool) []store.Job {
	b.t.Helper()
	jobs, err := b.store.Jobs(b.t.Context(), store.JobList{Video: id, Open: open})
	if err != nil {
		b.t.Fatal(err)
	}
	return jobs
}

// files lists what lies under a folder, relative to it.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// clean checks that after one sweep there is exactly what rows name, and no work but that
// of open jobs.
func (b *bench) clean() {
	b.t.Helper()
	if err := b.Sweep(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.whole()
	entries, err := os.ReadDir(filepath.Join(b.data, "work"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	open := map[string]bool{}
	for _, j := range b.jobs("", true) {
		open[fmt.Sprintf("job-%d", j.ID)] = true
	}
	for _, e := range entries {
		if !open[e.Name()] {
			b.t.Errorf("left in work: %s", e.Name())
		}
	}
	root, _ := os.ReadDir(b.data)
	for _, e := range root {
		if strings.HasPrefix(e.Name(), "try-") || strings.HasSuffix(e.Name(), ".part") {
			b.t.Errorf("left in the data directory: %s", e.Name())
		}
	}
}

// whole checks that the files and the rows name the same.
func (b *bench) whole() {
	b.t.Helper()
	want, err := b.store.Files(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, files(b.t, filepath.Join(b.data, "videos")), cmp.Transformer("nil", func(l []string) []string { return append([]string{}, l...) })); diff != "" {
		b.t.Errorf("rows (-) and files (+) differ:\n%s", diff)
	}
}

// empty checks that nothing at all was stored.
func (b *bench) empty() {
	b.t.Helper()
	if list := append(files(b.t, filepath.Join(b.data, "videos")), files(b.t, filepath.Join(b.data, "work"))...); len(list) > 0 {
		b.t.Errorf("left behind: %v", list)
	}
	if _, n, err := b.store.Videos(b.t.Context(), store.List{Audience: store.Everyone}); err != nil || n > 0 {
		b.t.Errorf("%d videos, %v", n, err)
	}
}
