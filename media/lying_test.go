package media_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
)

// liar writes an ffmpeg that is the real one but for the runs whose arguments hold when, where
// it does what lie says. $outputs are the files that it was to make.
func liar(t *testing.T, when, lie string) string {
	t.Helper()
	real := strings.TrimSpace(run(t, "sh", "-c", "command -v ffmpeg"))
	path := write(t, "ffmpeg", []byte(`#!/bin/bash
outputs=()
for a in "$@"; do case "$a" in *.part) outputs+=("${a#file:}");; esac; done
case "$*" in *`+when+`*) [ ${#outputs[@]} = 0 ] || { `+lie+`; };; esac
exec `+real+` "$@"
`))
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEncodeLies has an ffmpeg that reports success for what it did not do, or nothing at all:
// no rendition comes of it, and what it left behind is not taken for work done later.
func TestEncodeLies(t *testing.T) {
	const nothing, empty = "exit 0", `for o in "${outputs[@]}"; do : >"$o"; done; exit 0`
	const garbage = `for o in "${outputs[@]}"; do head -c 50000 /dev/urandom >"$o"; done; exit 0`
	short := func(real string) string {
		return `for o in "${outputs[@]}"; do ` + real + ` -v error -nostdin -f lavfi -i testsrc2=s=320x240:r=30:d=1 -c:v libx264 -f mp4 -y "$o"; done; exit 0`
	}
	tests := []struct{ name, when, lie string }{
		{"sound, nothing", "-vn", nothing},
		{"sound, empty", "-vn", empty},
		{"sound, garbage", "-vn", garbage},
		{"picture, nothing", "libx264", nothing},
		{"picture, empty", "libx264", empty},
		{"picture, garbage", "libx264", garbage},
		{"picture, a second of another", "libx264", short(strings.TrimSpace(run(t, "sh", "-c", "command -v ffmpeg")))},
		{"sound, hanging", "-vn", "exec sleep 300"},
	}
	source := clip(t, "lies.mkv", "-f lavfi -i testsrc2=s=320x240:r=30:d=4 -f lavfi -i sine=d=4"+x264+" -c:a flac")
	rungs := []media.Rung{{Height: 240, Width: 320, PixHeight: 240, FPS: 30, MaxRate: 600_000, CRF: 24}}
	honest := media.New(media.Config{Threads: 1})
	src := probe(t, honest, source)
	sound := t.TempDir()
	if _, err := honest.Encode(t.Context(), src, rungs, sound, nil); err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := media.New(media.Config{FFmpeg: liar(t, test.when, test.lie), Threads: 1})
			m.SetStall(2 * time.Second)
			dir := t.TempDir()
			_, err := m.Encode(t.Context(), src, rungs, dir, nil)
			if err == nil || strings.ContainsAny(err.Error(), "\n\x00") || len(err.Error()) > 300 {
				t.Errorf("Encode = %v, want a sentence", err)
			}
			if made, _ := filepath.Glob(filepath.Join(dir, "*.mp4")); len(made) > 0 {
				t.Fatalf("made %v", made)
			}
			if _, err := honest.Encode(t.Context(), src, rungs, dir, nil); err != nil {
				t.Fatal(err)
			}
			same(t, filepath.Join(dir, "240p.mp4"), filepath.Join(sound, "240p.mp4"))
		})
	}
}
