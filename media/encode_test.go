package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
)

// shown is what ffprobe says of a rendition.
type shown struct {
	Streams []struct {
		Type      string `json:"codec_type"`
		Width     int
		Height    int
		PixFmt    string `json:"pix_fmt"`
		Aspect    string `json:"sample_aspect_ratio"`
		Rate      string `json:"avg_frame_rate"`
		Transfer  string `json:"color_transfer"`
		Primaries string `json:"color_primaries"`
		Channels  int
		Frames    string         `json:"nb_read_frames"`
		SideData  []any          `json:"side_data_list"`
		Tags      map[string]any `json:"tags"`
	}
	Format struct {
		Duration string
		Tags     map[string]any
	}
}

func look(t *testing.T, path string) (s shown) {
	t.Helper()
	out := run(t, "ffprobe", "-loglevel", "error", "-of", "json", "-count_frames", "-show_streams", "-show_format", path)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// keyframes returns the frame numbers of the keyframes of a rendition.
func keyframes(t *testing.T, path string) (keys []int) {
	t.Helper()
	out := run(t, "ffprobe", "-loglevel", "error", "-select_streams", "v", "-of", "csv=p=0", "-show_entries", "frame=key_frame", path)
	for i, key := range strings.Fields(out) {
		if strings.HasPrefix(key, "1") {
			keys = append(keys, i)
		}
	}
	return keys
}

func TestEncodeAnything(t *testing.T) {
	m := maker(t)
	m.SetChunk(1)
	tests := []struct {
		name   string
		path   func(t testing.TB) string
		height int
		w, h   int
		rate   string
		frames int
	}{
		{"web-ready", webReady, 240, 320, 240, "30/1", 120},
		{"transport stream", transport, 240, 320, 240, "30/1", 120},
		{"odd 4:4:4", odd, 240, 320, 240, "30/1", 60},
		{"rotated", rotated, 240, 240, 320, "30/1", 120},
		{"varying rate", varying, 240, 320, 240, "", 0},
		{"HDR", hdr, 240, 320, 240, "30/1", 60},
		{"interlaced", interlaced, 240, 320, 240, "25/1", 100},
		{"everything", everything, 240, 320, 240, "30/1", 120},
		{"false length", longHeader, 240, 320, 240, "30/1", 120},
		{"1000 frames a second", func(t testing.TB) string {
			return clip(t, "k.mp4", "-f lavfi -i testsrc2=s=64x64:r=1000:d=1"+x264)
		}, 64, 64, 64, "60/1", 60},
		{"NTSC", func(t testing.TB) string {
			return clip(t, "ntsc.mp4", "-f lavfi -i testsrc2=s=160x120:r=60000/1001:d=3"+x264)
		}, 120, 160, 120, "60000/1001", 180},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := probe(t, m, test.path(t))
			plan := m.Plan(src, 0)
			if plan.Rungs[0].Height != test.height {
				t.Fatalf("top rung is %d, want %d", plan.Rungs[0].Height, test.height)
			}
			rungs := encoded(plan)
			dir := t.TempDir()
			last := -1.0
			made, err := m.Encode(t.Context(), src, rungs, dir, func(p media.Progress) {
				if p.Percent < last || p.Percent > 100 || p.Stage == "" {
					t.Errorf("progress went from %.1f to %+v", last, p)
				}
				last = p.Percent
			})
			if err != nil {
				t.Fatal(err)
			}
			checkRendition(t, src, made[0], dir)
			r, v := made[0], look(t, filepath.Join(dir, made[0].File)).Streams[0]
			if v.Width != test.w || v.Height != test.h || r.Width != test.w || r.PixHeight != test.h {
				t.Errorf("picture %dx%d, rendition %+v", v.Width, v.Height, r)
			}
			if test.rate != "" && v.Rate != test.rate {
				t.Errorf("rate %s, want %s", v.Rate, test.rate)
			}
			if n, _ := strconv.Atoi(v.Frames); test.frames > 0 && abs(n-test.frames) > 2 {
				t.Errorf("%d frames, want %d", n, test.frames)
			}
		})
	}
}

// checkRendition checks what holds for every rendition, whatever it was made of.
func checkRendition(t *testing.T, src media.Source, r media.Rendition, dir string) {
	t.Helper()
	s := look(t, filepath.Join(dir, r.File))
	v := s.Streams[0]
	if v.PixFmt != "yuv420p" || v.Aspect != "" && v.Aspect != "1:1" || len(v.SideData) > 0 {
		t.Errorf("pixels %s, aspect %s, side data %v", v.PixFmt, v.Aspect, v.SideData)
	}
	if src.HDR && (v.Transfer != "bt709" || v.Primaries != "bt709") {
		t.Errorf("HDR became %s %s", v.Transfer, v.Primaries)
	}
	if src.HasAudio != (len(s.Streams) == 2) || src.HasAudio != strings.Contains(r.Codecs, "mp4a") {
		t.Errorf("%d streams, codecs %s", len(s.Streams), r.Codecs)
	}
	if src.HasAudio && s.Streams[1].Channels != min(2, src.Channels) {
		t.Errorf("%d channels", s.Streams[1].Channels)
	}
	gop := int(math.Round(2 * r.FPS))
	for i, k := range keyframes(t, filepath.Join(dir, r.File)) {
		if k != i*gop {
			t.Errorf("keyframe %d is frame %d, want %d", i, k, i*gop)
		}
	}
	if len(s.Format.Tags) > 4 { // brands only
		t.Errorf("tags: %v", s.Format.Tags)
	}
}

// encoded returns the rungs of a plan, with the copied one as one to encode.
func encoded(p media.Plan) []media.Rung {
	rungs := append([]media.Rung{}, p.Rungs...)
	for i := range rungs {
		if rungs[i].Copy {
			rungs[i].Copy, rungs[i].CRF, rungs[i].MaxRate = false, 24, 1_000_000
		}
	}
	return rungs
}

func abs(n int) int { return max(n, -n) }

// TestEncodeLadder checks that all rungs share one grid and that nothing but renditions stays.
func TestEncodeLadder(t *testing.T) {
	m := maker(t)
	m.SetChunk(1)
	src := probe(t, m, webReady(t))
	rungs := []media.Rung{
		{Height: 240, Width: 320, PixHeight: 240, FPS: 30, MaxRate: 6_000_000, CRF: 18},
		{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24},
		{Height: 60, Width: 80, PixHeight: 60, FPS: 30, MaxRate: 120_000, CRF: 24},
	}
	dir := t.TempDir()
	made, err := m.Encode(t.Context(), src, rungs, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "120p.m3u8 120p.mp4 240p.m3u8 240p.mp4 60p.m3u8 60p.mp4" {
		t.Errorf("folder holds %s", got)
	}
	for i, r := range made {
		if keys := fmt.Sprint(keyframes(t, filepath.Join(dir, r.File))); keys != "[0 60]" || r.Height != rungs[i].Height {
			t.Errorf("%s: keyframes %s", r.File, keys)
		}
		if r.Bandwidth < r.Average || r.Average <= 0 {
			t.Errorf("%s: bandwidth %d, average %d", r.File, r.Bandwidth, r.Average)
		}
	}
	if s := similar(t, filepath.Join(dir, "240p.mp4"), src.Path, 30); s < 0.9 {
		t.Errorf("SSIM against the source %.3f", s)
	}
}

// similar is the least SSIM of any frame of a against b. A single misplaced frame shows.
func similar(t *testing.T, a, b string, fps int) float64 {
	t.Helper()
	cmp := fmt.Sprintf("[0:v]settb=1/%d,setpts=N[a];[1:v]settb=1/%d,setpts=N,scale=320:240[b];[a][b]ssim=stats_file=-", fps, fps)
	out := run(t, "ffmpeg", "-hide_banner", "-loglevel", "error", "-i", a, "-i", b, "-lavfi", cmp, "-f", "null", "/dev/null")
	least := 1.0
	for line := range strings.Lines(out) {
		if _, after, ok := strings.Cut(line, "All:"); ok {
			value, _ := strconv.ParseFloat(strings.Fields(after)[0], 64)
			least = min(least, value)
		}
	}
	return least
}

// TestEncodeResumes kills encodes at several moments and expects the same bytes as from
// one that was left in peace.
func TestEncodeResumes(t *testing.T) {
	m := maker(t)
	m.SetChunk(1)
	src := probe(t, m, clip(t, "resume.mkv", "-f lavfi -i testsrc2=s=320x240:r=30:d=8 -f lavfi -i sine=d=8"+x264+" -c:a flac"))
	rungs := []media.Rung{
		{Height: 240, Width: 320, PixHeight: 240, FPS: 30, MaxRate: 600_000, CRF: 24},
		{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24},
	}
	whole := t.TempDir()
	if _, err := m.Encode(t.Context(), src, rungs, whole, nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(150+150*i)*time.Millisecond)
		_, err := m.Encode(ctx, src, rungs, dir, nil)
		cancel()
		if err == nil {
			t.Logf("finished after %d kills", i)
			break
		}
		if ctx.Err() == nil || i > 60 {
			t.Fatal(err)
		}
		for _, name := range []string{"240p.mp4", "120p.mp4"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				same(t, filepath.Join(dir, name), filepath.Join(whole, name))
			}
		}
	}
	for _, name := range []string{"240p.mp4", "240p.m3u8", "120p.mp4", "120p.m3u8"} {
		same(t, filepath.Join(dir, name), filepath.Join(whole, name))
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("%s differs from the one made without interruption", filepath.Base(a))
	}
}

// TestEncodeFallsBack has an ffmpeg whose "hardware" encoder works at first and then fails.
func TestEncodeFallsBack(t *testing.T) {
	real := strings.TrimSpace(run(t, "sh", "-c", "command -v ffmpeg"))
	script := write(t, "ffmpeg", []byte(`#!/bin/bash
case "$*" in *-0002.mp4.part*) if [[ "$*" = *h264_videotoolbox* ]]; then echo broken >&2; exit 1; fi;; esac
args=()
for a in "$@"; do
	case "$a" in h264_videotoolbox) a=libx264;; -allow_sw) a=-sc_threshold;; esac
	args+=("$a")
done
exec `+real+` "${args[@]}"
`))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	m := media.New(media.Config{FFmpeg: script, Encoder: "h264_videotoolbox", Threads: 1})
	m.SetChunk(1)
	src := probe(t, m, clip(t, "resume.mkv", "-f lavfi -i testsrc2=s=320x240:r=30:d=8 -f lavfi -i sine=d=8"+x264+" -c:a flac"))
	rungs := []media.Rung{{Height: 240, Width: 320, PixHeight: 240, FPS: 30, MaxRate: 600_000, CRF: 24}}
	dir, soft := t.TempDir(), t.TempDir()
	if _, err := m.Encode(t.Context(), src, rungs, dir, nil); err != nil {
		t.Fatal(err)
	}
	x := maker(t)
	x.SetChunk(1)
	if _, err := x.Encode(t.Context(), src, rungs, soft, nil); err != nil {
		t.Fatal(err)
	}
	same(t, filepath.Join(dir, "240p.mp4"), filepath.Join(soft, "240p.mp4"))
}

// TestEncodeEndsEarly gives a source whose picture ends before its length says.
func TestEncodeEndsEarly(t *testing.T) {
	m := maker(t)
	src := probe(t, m, webReady(t))
	src.VideoLength, src.Duration = 30*time.Second, 30*time.Second
	rungs := []media.Rung{{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24}}
	dir := t.TempDir()
	_, err := m.Encode(t.Context(), src, rungs, dir, nil)
	if err == nil || !strings.Contains(err.Error(), "ends early: 4.0 of 30.0 s") {
		t.Errorf("Encode = %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "120p.mp4")); err == nil {
		t.Error("a rendition was made")
	}
}

// TestEncodeTimes gives sources whose samples lie otherwise than a plain recording's, and
// compares the encoded length with what ffmpeg itself shows of them.
func TestEncodeTimes(t *testing.T) {
	m := maker(t)
	m.SetChunk(1)
	long := "-f lavfi -i testsrc2=s=160x120:r=30:d=10 -f lavfi -i sine=d=10 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -b_strategy 0 -c:a aac -b:a 64k "
	tests := []struct {
		name, path string
		frames     int
	}{
		{"trimmed", clip(t, "trim.mp4", "-ss 4 -i "+clip(t, "long.mp4", long+"-g 250")+" -c copy"), 180},
		{"trimmed at both ends", clip(t, "trims.mp4", "-ss 2 -i "+clip(t, "long.mp4", "")+" -t 5 -c copy"), 154},
		// No frame from 5.9 s to 9.8 s, across the chunks' joints at 6 and 8 s.
		{"gap", clip(t, "gap.mp4", strings.Replace(long, "d=10 -c:v", "d=14 -c:v", 1)+"-t 14 -vf setpts='PTS+3.9/TB*gte(N\\,178)' -fps_mode vfr -g 60"), 417},
		{"gap in matroska", clip(t, "gap.mkv", "-i "+clip(t, "gap.mp4", "")+" -c copy"), 417},
		{"late picture", clip(t, "late.mp4", "-itsoffset 2 -i "+clip(t, "long.mp4", "")+" -i "+clip(t, "long.mp4", "")+" -map 0:v -map 1:a -c copy"), 360},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := probe(t, m, test.path)
			rungs := []media.Rung{{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24}}
			if r := m.Plan(src, 0).Rungs[0]; r.FPS != 30 {
				t.Errorf("planned at %.3f frames a second", r.FPS)
			}
			dir := t.TempDir()
			made, err := m.Encode(t.Context(), src, rungs, dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			v := look(t, filepath.Join(dir, made[0].File)).Streams[0]
			if n, _ := strconv.Atoi(v.Frames); abs(n-test.frames) > 2 {
				t.Errorf("%d frames, want %d", n, test.frames)
			}
		})
	}
}

// TestEncodeResumesBetweenJoins stops after the first rung of a group is joined, and again
// has a disk that takes no second rendition: nothing that was encoded is encoded again.
func TestEncodeResumesBetweenJoins(t *testing.T) {
	m := maker(t)
	m.SetChunk(1)
	src := probe(t, m, webReady(t))
	rungs := []media.Rung{
		{Height: 240, Width: 320, PixHeight: 240, FPS: 30, MaxRate: 600_000, CRF: 24},
		{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24},
	}
	whole, dir := t.TempDir(), t.TempDir()
	if _, err := m.Encode(t.Context(), src, rungs, whole, nil); err != nil {
		t.Fatal(err)
	}
	// A folder in the way of the second rendition fails its join.
	blocked := filepath.Join(dir, "120p.mp4.part", "x")
	if err := os.MkdirAll(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Encode(t.Context(), src, rungs, dir, nil); err == nil {
		t.Fatal("the second rung was joined")
	}
	kept, _ := filepath.Glob(filepath.Join(dir, "chunks", "120p-*.mp4"))
	gone, _ := filepath.Glob(filepath.Join(dir, "chunks", "240p-*.mp4"))
	if len(kept) != 2 || len(gone) != 0 {
		t.Errorf("chunks kept: %v, of the finished rung: %v", kept, gone)
	}
	if err := os.RemoveAll(filepath.Dir(blocked)); err != nil {
		t.Fatal(err)
	}
	broken := write(t, "ffmpeg", []byte("#!/bin/sh\nexit 1\n"))
	if err := os.Chmod(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	again := media.New(media.Config{FFmpeg: broken, Encoder: "libx264", Threads: 1})
	again.SetChunk(1)
	if _, err := again.Encode(t.Context(), src, rungs, dir, nil); err != nil {
		t.Errorf("something was encoded again: %v", err)
	}
	for _, name := range []string{"240p.mp4", "120p.mp4", "120p.m3u8"} {
		same(t, filepath.Join(dir, name), filepath.Join(whole, name))
	}
}

// TestEncodeChangedEncoder has a chunk of another encoder among those found.
func TestEncodeChangedEncoder(t *testing.T) {
	m := maker(t)
	m.SetChunk(1)
	src := probe(t, m, silent(t))
	rungs := []media.Rung{{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24}}
	whole, dir := t.TempDir(), t.TempDir()
	if _, err := m.Encode(t.Context(), src, rungs, whole, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "120p.mp4.part", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, _ = m.Encode(t.Context(), src, rungs, dir, nil)
	chunks, _ := filepath.Glob(filepath.Join(dir, "chunks", "*.mp4"))
	if len(chunks) != 2 {
		t.Fatalf("chunks: %v", chunks)
	}
	other := clip(t, "other.mp4", "-f lavfi -i testsrc2=s=160x120:r=30:d=2 -c:v libx264 -bf 0 -pix_fmt yuv420p -profile:v baseline -movflags +cmaf+frag_keyframe -video_track_timescale 30000")
	data, err := os.ReadFile(other)
	if err == nil {
		err = os.WriteFile(chunks[1], data, 0o600)
	}
	if err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "120p.mp4.part"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chunks", "720p-00000000-0000.mp4"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Encode(t.Context(), src, rungs, dir, nil); err != nil {
		t.Fatal(err)
	}
	same(t, filepath.Join(dir, "120p.mp4"), filepath.Join(whole, "120p.mp4"))
}

// TestEncodeHDR gives both kinds of HDR, with and without all said about their colours, and
// an ffmpeg without zscale.
func TestEncodeHDR(t *testing.T) {
	real := strings.TrimSpace(run(t, "sh", "-c", "command -v ffmpeg"))
	script := write(t, "ffmpeg", []byte(`#!/bin/sh
case "$*" in *zscale*) echo "No such filter: 'zscale'" >&2; exit 1;; esac
exec `+real+` "$@"
`))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	unsaid := clip(t, "unsaid.mp4", "-f lavfi -i testsrc2=s=160x120:r=30:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -color_trc smpte2084")
	without := media.New(media.Config{FFmpeg: script, Encoder: "libx264", Threads: 2})
	tests := []struct {
		name, path string
		m          *media.Maker
		mapped     bool
	}{
		{"PQ, unsaid colours", unsaid, maker(t), true},
		{"PQ without zscale", unsaid, without, false},
		{"HLG", hlg(t), maker(t), true},
		{"HLG in Matroska", clip(t, "hlg.mkv", "-i "+hlg(t)+" -c copy"), maker(t), true},
		{"HLG without zscale", hlg(t), without, false},
		{"Dolby Vision on HLG", dolby(t, 8, 4), maker(t), true},
	}
	for _, test := range tests {
		name, m, src := test.name, test.m, probe(t, test.m, test.path)
		if !src.HDR || m.Plan(src, 0).Copy {
			t.Fatalf("%s: the fixture is no HDR: %+v", name, src)
		}
		dir := t.TempDir()
		rungs := []media.Rung{{Height: 120, Width: 160, PixHeight: 120, FPS: 30, MaxRate: 200_000, CRF: 24}}
		made, err := m.Encode(t.Context(), src, rungs, dir, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := look(t, filepath.Join(dir, made[0].File)).Streams[0]
		if v.PixFmt != "yuv420p" || test.mapped && (v.Transfer != "bt709" || v.Primaries != "bt709") {
			t.Errorf("%s: became %s %s", name, v.PixFmt, v.Transfer)
		}
		if _, err := m.Poster(t.Context(), src, 0, dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := m.Storyboard(t.Context(), src, dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
