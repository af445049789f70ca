package media_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tubelet/tubelet/media"
)

// fixtures makes each clip once for the whole test run.
type fixtures struct {
	dir  string
	mu   sync.Mutex
	made map[string]error
}

var clips fixtures

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "media-test-*")
	if err != nil {
		panic(err)
	}
	clips = fixtures{dir: dir, made: map[string]error{}}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// clip returns the path of a clip called name, made by ffmpeg with args when it is first
// asked for. "{dir}" in args stands for the folder of all clips.
func clip(t testing.TB, name, args string) string {
	t.Helper()
	clips.mu.Lock()
	defer clips.mu.Unlock()
	path := filepath.Join(clips.dir, name)
	if err, ok := clips.made[name]; ok {
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	args = strings.ReplaceAll(args, "{dir}", clips.dir)
	cmd := exec.Command("ffmpeg", append(strings.Fields("-hide_banner -loglevel error -nostdin -y "+args), path)...)
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	clips.made[name] = err
	if err != nil {
		t.Fatalf("make %s: %v", name, err)
	}
	return path
}

// Pieces of ffmpeg command lines for clips.
const (
	picture = "-f lavfi -i testsrc2=s=320x240:r=30:d=4"
	sound   = " -f lavfi -i sine=f=440:d=4"
	x264    = " -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 60"
	aac     = " -c:a aac -b:a 64k"
)

// webReady returns a clip that can be copied.
func webReady(t testing.TB) string {
	return clip(t, "ready.mp4", picture+sound+x264+" -bf 2 -b_strategy 0"+aac)
}

// maker returns a Maker with one thread: with several, x264's capped rate control depends
// on their timing, and two encodes of the same frames differ by a few bytes.
func maker(t testing.TB) *media.Maker {
	t.Helper()
	m := media.New(media.Config{Encoder: "libx264", Threads: 1})
	if !m.Available() {
		t.Fatal("these tests need ffmpeg and ffprobe")
	}
	return m
}

func probe(t testing.TB, m *media.Maker, path string) media.Source {
	t.Helper()
	src, err := m.Probe(t.Context(), path)
	if err != nil {
		t.Fatalf("Probe(%s): %v", filepath.Base(path), err)
	}
	return src
}

// run runs a program and returns its standard output.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, stderr.String())
	}
	return string(out)
}
