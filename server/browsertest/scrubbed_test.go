package browsertest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// place is written into every keyframe, as dash cameras write theirs.
const place = "LAT52.5200LON013.4050"

// TestScrubbedCopy lets Chromium watch a copy that lost the camera's place on the way.
func TestScrubbedCopy(t *testing.T) {
	need(t, "ffmpeg", "node", "chromium")
	path := filepath.Join(t.TempDir(), "camera.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", clip(t, 4), "-c", "copy",
		"-bsf:v", "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+"+place, path).CombinedOutput()
	if err != nil {
		t.Fatalf("write the place: %v\n%s", err, out)
	}
	if !mentions(t, path) {
		t.Fatal("the source does not tell the place, so the test shows nothing")
	}
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.CreateChannel(t.Context(), store.Channel{Handle: "me", Domain: "127.0.0.1:8080", Local: true, Name: "Me", Language: "en", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	// Without ffmpeg the copy is the program's own work, and the only rendition.
	maker := media.New(media.Config{FFmpeg: "/nowhere/ffmpeg", FFprobe: "/nowhere/ffprobe"})
	v, err := work.New(work.Config{Data: data, Store: db, Media: maker}).Publish(t.Context(), work.Publish{Path: path, Title: "Drive"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Media.Renditions) != 1 || !v.Media.Renditions[0].Copied {
		t.Fatalf("renditions: %+v", v.Media.Renditions)
	}
	if mentions(t, filepath.Join(data, "videos", v.ID, "1", v.Media.Renditions[0].File)) {
		t.Error("the copy tells the place")
	}
	c := channel{base: "http://" + run(t, server.Config{Data: data, Store: db, Media: maker, Listen: "127.0.0.1:0", Local: true}), id: v.ID}
	c.script(t, "node", "scrubbed.mjs")
}

func mentions(t *testing.T, path string) bool {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte(place))
}
