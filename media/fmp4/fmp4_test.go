package fmp4

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ffmpeg runs ffmpeg with the given arguments. It is a need of these tests, not an option.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin", "-y", "-threads", "1"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, errs.String())
	}
	return out.Bytes()
}

// clip makes a progressive H.264 and AAC file with B-frames: a picture that changes with
// every frame, and a tone.
func clip(t testing.TB, seconds string, more ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	args := []string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=" + seconds, "-f", "lavfi", "-i", "sine=f=440:r=44100:d=" + seconds,
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-b_strategy", "0", "-g", "60", "-sc_threshold", "0", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "64k", "-ac", "2"}
	ffmpeg(t, append(append(args, more...), path)...)
	return path
}

func scanFile(t testing.TB, path string) *File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := Scan(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func remuxFile(t testing.TB, src string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "remux.mp4")
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := Remux(context.Background(), src, w, nil); err != nil {
		t.Fatal(err)
	}
	return path
}
