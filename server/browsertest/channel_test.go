package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const seconds = 24 // of the clip: long enough for ten seconds watched and a seek beyond the early start

// clip renders a moving picture with sound, web-ready, so that its top rendition is
// copied and only the lower ones cost time. The noise decides how much there is to
// encode: with 10, the 480p rendition has about the 1 Mbit/s that film from a camera has.
func clip(t testing.TB, noise int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	picture := fmt.Sprintf("testsrc2=s=1280x720:r=24:d=%d,noise=alls=%d:allf=t", seconds, noise)
	sound := fmt.Sprintf("sine=f=330:r=48000:d=%d", seconds)
	command := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", picture,
		"-f", "lavfi", "-i", sound, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "32", "-g", "48", "-keyint_min", "48",
		"-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", "-b:a", "64k", path)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("render the clip: %v\n%s", err, out)
	}
	return path
}

// channel is a served channel with one published clip.
type channel struct {
	base string // http://127.0.0.1:<port>
	id   string
	db   *store.Store // nil where no test changes anything meanwhile
}

// serve publishes the clip with captions and chapters and serves it until the test
// ends.
func serve(t testing.TB, noise int) channel {
	t.Helper()
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	err = db.CreateChannel(t.Context(), store.Channel{
		Handle: "workshop", Domain: "127.0.0.1:8080", Local: true, Name: "The Small Workshop", Language: "en",
		Description: "Hand tools and *patience*.", CreatedAt: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	// So that pages offer to follow, like, boost and answer, whatever the default is.
	if err := db.SetSetting(t.Context(), "federation", "on"); err != nil {
		t.Fatal(err)
	}
	maker := media.New(media.Config{})
	id := publish(t, work.New(work.Config{Data: data, Store: db, Media: maker}), noise)
	// A name from right to left.
	if _, _, err := db.Social().AddComment(t.Context(), social.Comment{Video: id, URI: "https://peer.example/1", Name: "\u05d0\u05d3\u05d4 7",
		Acct: "@ada@peer.example", State: social.Shown, HTML: "<p>Thank you.</p>", PublishedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return channel{base: "http://" + run(t, server.Config{Data: data, Store: db, Media: maker, Listen: "127.0.0.1:0", Local: true}), id: id}
}

// run serves until the test ends and returns the address.
func run(t testing.TB, cfg server.Config) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	cfg.Ready = func(addr string) { ready <- addr }
	go func() { done <- server.Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	select {
	case addr := <-ready:
		return addr
	case err := <-done:
		done <- nil
		t.Fatalf("serve: %v", err)
	}
	return ""
}

func publish(t testing.TB, worker *work.Worker, noise int) string {
	t.Helper()
	video, err := worker.Publish(t.Context(), work.Publish{
		Path: clip(t, noise), Title: "Sharpening a hand plane without any jigs",
		Description: "The stones come out at 0:12.", Tags: []string{"wood"},
		Captions: map[string]string{"en": captions(t, "This is the <i>first</i> line."), "de": captions(t, "Das ist die <i>erste</i> Zeile.")},
		Chapters: write(t, "chapters.txt", "0:00 Intro\n0:06 Flattening the back\n0:18 The last stroke\n"),
	}, func(work.Event) {})
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	if err := worker.Follow(t.Context(), video.ID, 1, func(work.Event) {}); err != nil {
		t.Fatalf("follow: %v", err)
	}
	return video.ID
}

// captions writes a file whose first cue is the given line.
func captions(t testing.TB, line string) string {
	return write(t, "captions.vtt", "WEBVTT\n\n00:00.300 --> 00:09.000\n"+line+"\n\n00:09.500 --> 00:20.000\nLater.\n")
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// need fails the test unless every program is there.
func need(t testing.TB, programs ...string) {
	t.Helper()
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		t.Fatalf("missing %s: \"make test\" installs what the browser tests need", strings.Join(missing, ", "))
	}
	if _, err := os.Stat(filepath.Join(scripts, "node_modules")); err != nil {
		t.Fatalf("missing %s/node_modules: run \"make test\", or \"npm ci\" in testdata/browser", scripts)
	}
}
