package media_test

import (
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
)

func TestAudio(t *testing.T) {
	m := maker(t)
	without := media.New(media.Config{FFmpeg: "/nonexistent", FFprobe: "/nonexistent"})
	m4a := func(t testing.TB) string { return clip(t, "a.m4a", sound+aac) }
	tests := []struct {
		name  string
		m     *media.Maker
		path  func(t testing.TB) string
		track int
		file  string
	}{
		{"m4a", m, m4a, 0, "audio.mp4"},
		{"m4a without ffmpeg", without, m4a, 0, "audio.mp4"},
		{"mp3", m, func(t testing.TB) string { return clip(t, "a.mp3", sound+" -c:a libmp3lame") }, 0, "audio.mp4"},
		{"flac", m, func(t testing.TB) string { return clip(t, "a.flac", sound+" -ar 96000") }, 0, "audio.mp4"},
		{"cover", m, coverArt, 0, "audio.mp4"},
		{"second language", m, everything, 1, "audio-de.mp4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := probe(t, test.m, test.path(t))
			dir := t.TempDir()
			r, err := test.m.Audio(t.Context(), src, test.track, dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.File != test.file || r.Codecs != "mp4a.40.2" || r.Height != 0 || !near(r.Duration, 4) {
				t.Errorf("got %+v", r)
			}
			s := look(t, filepath.Join(dir, r.File))
			if len(s.Streams) != 1 || s.Streams[0].Type != "audio" {
				t.Errorf("streams %+v", s.Streams)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 2 {
				t.Errorf("folder holds %v", entries)
			}
		})
	}
}

func TestSubtitles(t *testing.T) {
	m := maker(t)
	dir := t.TempDir()
	captions, err := m.Subtitles(t.Context(), probe(t, m, everything(t)), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(captions) != 1 || captions[0].Language != "en" {
		t.Fatalf("got %+v", captions)
	}
	text, err := os.ReadFile(filepath.Join(dir, captions[0].File))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"WEBVTT", "00:00:00.5", "--> 00:00:01.5", "Hello", "Second"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestPoster(t *testing.T) {
	m := maker(t)
	late := func(t testing.TB) string { // black but for its second half
		return clip(t, "dark.mp4", "-f lavfi -i color=black:s=320x240:r=30:d=4 -f lavfi -i testsrc2=s=320x240:r=30:d=4"+
			" -filter_complex [0][1]concat"+x264)
	}
	wide := func(t testing.TB) string {
		return clip(t, "wideposter.mp4", "-f lavfi -i testsrc2=s=1920x800:r=5:d=1"+x264)
	}
	tests := []struct {
		name string
		path func(t testing.TB) string
		at   time.Duration
		w, h int
	}{
		{"chosen moment", webReady, 2 * time.Second, 320, 240},
		{"moment behind the end", webReady, time.Hour, 320, 240},
		{"good frame", late, -1, 320, 240},
		{"rotated", rotated, -1, 240, 320},
		{"HDR", hdr, -1, 320, 240},
		{"interlaced", interlaced, -1, 320, 240},
		{"wide", wide, -1, 1280, 534},
		{"cover", coverArt, -1, 200, 200},
		{"waveform", func(t testing.TB) string { return clip(t, "a.m4a", sound+aac) }, -1, 1280, 720},
		{"cover too large to decode", coverBomb, -1, 1280, 720},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := m.Poster(t.Context(), probe(t, m, test.path(t)), test.at, dir)
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != test.w || p.Height != test.h {
				t.Errorf("size %dx%d, want %dx%d", p.Width, p.Height, test.w, test.h)
			}
			if level := luma(t, filepath.Join(dir, p.File)); level < 20 {
				t.Errorf("the poster is dark: %.0f", level)
			}
			if (p.Thumb != "") != (max(test.w, test.h) > 480) {
				t.Errorf("the small picture of %dx%d is %q", p.Width, p.Height, p.Thumb)
			}
		})
	}
}

// coverBomb is a sound file with a cover of 81 million pixels.
func coverBomb(t testing.TB) string {
	cover := clip(t, "bomb.png", "-f lavfi -i color=gray:s=9000x9000:d=0.1,format=gray -frames:v 1")
	return clip(t, "bomb.flac", sound+" -i "+cover+" -map 0:a -map 1:v -c:v copy -disposition:v attached_pic")
}

// luma is the mean brightness of a JPEG, 0 to 255.
func luma(t *testing.T, path string) float64 {
	t.Helper()
	return brightness(decode(t, path))
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := jpeg.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func brightness(img image.Image) float64 {
	var sum, n float64
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 8 {
		for x := b.Min.X; x < b.Max.X; x += 8 {
			r, g, b, _ := img.At(x, y).RGBA()
			sum, n = sum+float64(r+g+b)/3/257, n+1
		}
	}
	return sum / n
}

func TestPosterFromImage(t *testing.T) {
	m := maker(t)
	for _, name := range []string{"p.png", "p.jpg", "p.webp"} {
		path := clip(t, name, "-f lavfi -i testsrc2=s=2000x1000:d=0.1 -frames:v 1")
		dir := t.TempDir()
		p, err := m.PosterFromImage(t.Context(), path, dir)
		if err != nil || p.Width != 1280 || p.Height != 640 || !strings.HasPrefix(p.File, "poster-") || !strings.HasPrefix(p.Thumb, "thumb-") {
			t.Fatalf("%s: %+v, %v", name, p, err)
		}
		if big, small := decode(t, filepath.Join(dir, p.File)), decode(t, filepath.Join(dir, p.Thumb)); small.Bounds() != image.Rect(0, 0, 480, 240) ||
			math.Abs(brightness(big)-brightness(small)) > 2 {
			t.Errorf("%s: the small picture is %v, as bright as %.1f instead of %.1f", name, small.Bounds(), brightness(small), brightness(big))
		}
	}
	for name, data := range map[string]string{"x.png": "hello", "x.svg": "<svg/>", "x.mp4": "#EXTM3U\n"} {
		if _, err := m.PosterFromImage(t.Context(), write(t, name, []byte(data)), t.TempDir()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestStoryboard(t *testing.T) {
	m := maker(t)
	for name, path := range map[string]string{"mp4": webReady(t), "rotated": rotated(t), "varying": varying(t), "HDR": hdr(t)} {
		src := probe(t, m, path)
		dir := t.TempDir()
		b, err := m.Storyboard(t.Context(), src, dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := os.Open(filepath.Join(dir, b.File))
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := jpeg.DecodeConfig(f)
		f.Close()
		if err != nil || cfg.Width != b.Columns*b.Width || cfg.Height != b.Rows*b.Height {
			t.Errorf("%s: picture %dx%d for %+v, %v", name, cfg.Width, cfg.Height, b, err)
		}
		vtt, err := os.ReadFile(filepath.Join(dir, b.VTT))
		if err != nil || strings.Count(string(vtt), "-->") < 1 || !strings.Contains(string(vtt), b.File+"#xywh=0,0,") {
			t.Errorf("%s: %s, %v", name, vtt, err)
		}
	}
}
