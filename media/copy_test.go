package media_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/media"
)

func TestCopy(t *testing.T) {
	without := media.New(media.Config{FFmpeg: "/nonexistent", FFprobe: "/nonexistent"})
	tests := []struct {
		name  string
		m     *media.Maker
		path  func(t testing.TB) string
		audio string
	}{
		{"mp4", maker(t), webReady, "aac"},
		{"without ffmpeg", without, webReady, "aac"},
		{"matroska", maker(t), matroska, "aac"},
		{"transport stream", maker(t), transport, "aac"},
		{"no sound", maker(t), silent, ""},
		{"foreign sound", maker(t), func(t testing.TB) string { return clip(t, "flac.mkv", "-i "+webReady(t)+" -c:v copy -c:a flac") }, "aac"},
		{"false length", maker(t), longHeader, "aac"},
		{"strange name", maker(t), strangeName, "aac"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := probe(t, test.m, test.path(t))
			dir := t.TempDir()
			last := media.Progress{}
			r, err := test.m.Copy(t.Context(), src, dir, func(p media.Progress) { last = p })
			if err != nil {
				t.Fatal(err)
			}
			if !r.Copied || r.Height != 240 || !near(r.Duration, 4) || r.Bytes == 0 || last.Percent < 99 {
				t.Errorf("got %+v after %+v", r, last)
			}
			want := "avc1.4d400d,mp4a.40.2"
			if test.audio == "" {
				want = "avc1."
			}
			if !strings.HasPrefix(r.Codecs, want) && test.audio != "" || test.audio == "" && strings.Contains(r.Codecs, "mp4a") {
				t.Errorf("codecs %s", r.Codecs)
			}
			if s := similar(t, filepath.Join(dir, r.File), webReady(t), 30); s < 1 && test.name != "no sound" {
				t.Errorf("the picture changed: %f", s)
			}
			entries, _ := os.ReadDir(dir)
			if len(entries) != 2 {
				t.Errorf("folder holds %v", entries)
			}
		})
	}
}

func TestCopyRefused(t *testing.T) {
	m := maker(t)
	spoiled := func(t testing.TB) string {
		data := faststart(t)
		at := len(data) / 8
		for i := range 30_000 {
			data[at+i] ^= 0x5a
		}
		return write(t, "spoiled.mp4", data)
	}
	for name, path := range map[string]func(testing.TB) string{"rotated": rotated, "spoiled": spoiled} {
		src := probe(t, m, path(t))
		dir := t.TempDir()
		if _, err := m.Copy(t.Context(), src, dir, nil); !errors.Is(err, media.ErrNotCopyable) {
			t.Errorf("%s: Copy = %v, want ErrNotCopyable", name, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s: folder holds %v", name, entries)
		}
	}
}

// TestNothingPrivate publishes a file full of facts about its owner in every way there is.
func TestNothingPrivate(t *testing.T) {
	m := maker(t)
	path := clip(t, "gps.mov", "-i "+webReady(t)+" -c copy -movflags use_metadata_tags"+
		" -metadata com.apple.quicktime.location.ISO6709=+52.5200+013.4050/ -metadata location=+52.5200+013.4050/"+
		" -metadata com.apple.quicktime.model=SECRETMODEL -metadata serial=SECRETSERIAL -metadata title=SECRETTITLE -metadata:s:v handler_name=SECRETNAME -metadata:s:a comment=SECRETCOMMENT")
	src := probe(t, m, path)
	original, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(original), "SECRETSERIAL") {
		t.Fatalf("the fixture holds no secret: %v", err)
	}
	dir := t.TempDir()
	if _, err := m.Copy(t.Context(), src, dir, nil); err != nil {
		t.Fatal(err)
	}
	rung := media.Rung{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24}
	if _, err := m.Encode(t.Context(), src, []media.Rung{rung}, dir, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Audio(t.Context(), src, 0, dir, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Poster(t.Context(), src, -1, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Storyboard(t.Context(), src, dir); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"52.5200", "SECRET", "apple", "Lavf", "Lavc"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds %q", e.Name(), secret)
			}
		}
	}
	if len(entries) != 9 {
		t.Errorf("made %v", entries)
	}
}
