package browsertest

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// TestSharing lets browsers share a video over a line that is too small to serve them all.
func TestSharing(t *testing.T) {
	need(t, "ffmpeg", "node", "chromium", "firefox-esr")
	c := serveShared(t)
	t.Run("wires", func(t *testing.T) { c.script(t, "node", "wires.mjs") })
	t.Run("chromium", func(t *testing.T) { c.script(t, "node", "share.mjs") })
	t.Run("firefox and chromium", func(t *testing.T) { c.script(t, "node", "sharefox.mjs") })
	if err := c.db.SetSetting(t.Context(), "upload.rate", "600kbit"); err != nil {
		t.Fatal(err)
	}
	t.Run("a line that is too short", func(t *testing.T) { c.script(t, "node", "short.mjs") })
}

// sharedClip renders a picture that is small enough for a busy machine to show several
// times at once, and long enough for viewers to meet.
func sharedClip(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shared.mp4")
	command := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=s=854x480:r=15:d=40,noise=alls=6:allf=t", "-f", "lavfi", "-i", "sine=f=330:r=48000:d=40",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "900k", "-maxrate", "1000k", "-bufsize", "1000k",
		"-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", "-b:a", "64k", path)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("render the clip: %v\n%s", err, out)
	}
	return path
}

func serveShared(t *testing.T) channel {
	t.Helper()
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	err = db.CreateChannel(t.Context(), store.Channel{Handle: "me", Domain: "127.0.0.1:8080", Local: true, Name: "Me", Language: "en", CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetSetting(t.Context(), "upload.rate", "4Mbit"); err != nil {
		t.Fatal(err)
	}
	maker := media.New(media.Config{})
	worker := work.New(work.Config{Data: data, Store: db, Media: maker})
	v, err := worker.Publish(t.Context(), work.Publish{Path: sharedClip(t), Title: "Shared", Description: "The stones come out at 0:12."}, func(work.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Follow(t.Context(), v.ID, 1, func(work.Event) {}); err != nil {
		t.Fatal(err)
	}
	return channel{base: "http://" + run(t, server.Config{Data: data, Store: db, Media: maker, Listen: "127.0.0.1:0", Local: true}), id: v.ID, db: db}
}
