package fmp4

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func probeFile(t *testing.T, path string) *Info {
	t.Helper()
	info, err := Probe(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestProbe(t *testing.T) {
	video := TrackInfo{
		Track:    Track{ID: 1, Kind: Video, Entry: "avc1", Codec: "avc1.64000b", Timescale: 15360, Width: 160, Height: 90},
		Duration: 4 * time.Second, Samples: 120, DisplayWidth: 160, DisplayHeight: 90, FPS: 30, KeyframeGap: 2 * time.Second,
		Profile: 100, Level: 11, PixFmt: "yuv420p", Copyable: true, FrameGap: time.Second / 30,
	}
	audio := TrackInfo{
		Track:    Track{ID: 2, Kind: Audio, Entry: "mp4a", Codec: "mp4a.40.2", Timescale: 44100, Channels: 2, SampleRate: 44100},
		Duration: 4 * time.Second, Copyable: true,
	}
	with := func(t TrackInfo, change func(*TrackInfo)) TrackInfo { change(&t); return t }
	high := []string{"-qp", "20", "-profile:v", "high", "-coder", "1", "-x264-params", "8x8dct=1"}
	for _, tt := range []struct {
		name  string
		file  string
		more  []string
		video TrackInfo
		audio TrackInfo
	}{
		{"ordinary", "a.mp4", nil, video, audio},
		{"quicktime", "a.mov", nil, video, audio},
		{"language", "a.mp4", []string{"-metadata:s:a", "language=deu"}, video, with(audio, func(a *TrackInfo) { a.Language = "deu" })},
		{"one keyframe", "a.mp4", []string{"-g", "999"}, with(video, func(v *TrackInfo) { v.KeyframeGap = 4 * time.Second }), audio},
		{"wide pixels", "a.mp4", []string{"-vf", "setsar=4/3"}, with(video, func(v *TrackInfo) { v.DisplayWidth = 213 }), audio},
		{"ten bits", "a.mp4", []string{"-pix_fmt", "yuv420p10le", "-profile:v", "high10"}, with(video, func(v *TrackInfo) {
			v.PixFmt, v.Profile, v.Codec = "yuv420p10le", 110, "avc1.6e000b"
		}), audio},
		{"high dynamic range", "a.mp4", []string{"-color_trc", "smpte2084"}, with(video, func(v *TrackInfo) { v.HDR = true }), audio},
		{"interlaced", "a.mp4", []string{"-flags", "+ildct+ilme", "-vf", "scale=160:96,setsar=1"}, with(video, func(v *TrackInfo) {
			v.Interlaced, v.Level, v.Codec, v.Height, v.DisplayHeight, v.DisplayWidth = true, 21, "avc1.640015", 96, 96, 160
		}), audio},
		{"surround", "a.mp4", []string{"-af", "aformat=channel_layouts=5.1", "-ac", "6"}, video, with(audio, func(a *TrackInfo) { a.Channels = 6 })},
		{"fragmented", "a.mp4", []string{"-movflags", "+frag_keyframe+empty_moov"}, video, audio},
	} {
		t.Run(tt.name, func(t *testing.T) {
			info := probeFile(t, clip(t, tt.file, "4", append(append([]string{}, high...), tt.more...)...))
			if len(info.Tracks) != 2 || info.Truncated || info.Fragmented != (tt.name == "fragmented") {
				t.Fatalf("found %+v", info)
			}
			compareTrack(t, tt.video, info.Tracks[0])
			compareTrack(t, tt.audio, info.Tracks[1])
		})
	}
}

// compareTrack leaves out what the encoder's version decides, and takes the padding of
// the sound for what it is.
func compareTrack(t *testing.T, want, got TrackInfo) {
	t.Helper()
	if got.Bytes == 0 || got.Samples == 0 {
		t.Errorf("track %d is empty", got.ID)
	}
	want.Bytes, want.Samples = got.Bytes, got.Samples
	if got.Kind == Audio && (got.Duration-want.Duration).Abs() < 100*time.Millisecond {
		want.Duration = got.Duration
	}
	// Without an edit list, reordered frames delay the first one.
	if got.Start < 100*time.Millisecond {
		want.Start = got.Start
	}
	if got.Kind == Audio {
		want.FrameGap = got.FrameGap
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("track %d (-want +got):\n%s", got.ID, diff)
	}
}

func TestProbeRotation(t *testing.T) {
	src := clip(t, "clip.mp4", "1")
	for _, tt := range []struct {
		turn                    string
		rotation, width, height int
	}{{"90", 270, 90, 160}, {"180", 180, 160, 90}, {"270", 90, 90, 160}} {
		out := filepath.Join(t.TempDir(), "turned.mp4")
		ffmpeg(t, "-i", src, "-c", "copy", "-metadata:s:v", "rotate="+tt.turn, out)
		v := probeFile(t, out).Tracks[0]
		if v.DisplayWidth != tt.width || v.DisplayHeight != tt.height || v.Rotation%180 != tt.rotation%180 || v.Copyable || v.Mirrored {
			t.Errorf("rotate=%s: %d degrees, %dx%d", tt.turn, v.Rotation, v.DisplayWidth, v.DisplayHeight)
		}
	}
}

// mirrored returns a clip that players show as in a mirror.
func mirrored(t testing.TB) string {
	path := clip(t, "mirrored.mp4", "1")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("tkhd")) + 44
	minus := int32(-1 << 16)
	binary.BigEndian.PutUint32(data[at:], uint32(minus))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProbeMirrored(t *testing.T) {
	if v := probeFile(t, mirrored(t)).Tracks[0]; !v.Mirrored || v.Copyable {
		t.Errorf("got %+v", v)
	}
}

func TestProbeVariableFrameRate(t *testing.T) {
	src := clip(t, "vfr.mp4", "4", "-vf", "select='if(lt(t,2),1,not(mod(n,3)))'", "-fps_mode", "vfr")
	v := probeFile(t, src).Tracks[0]
	if !v.VFR || v.FPS < 19 || v.FPS > 21 {
		t.Errorf("variable %v, %v frames a second", v.VFR, v.FPS)
	}
}

func TestProbeTitleAndChapters(t *testing.T) {
	list := filepath.Join(t.TempDir(), "chapters.txt")
	text := ";FFMETADATA1\ntitle=Making a chair\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=Wood\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3000\ntitle=Glüe\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []Chapter{{0, "Wood"}, {1500 * time.Millisecond, "Glüe"}}
	for _, name := range []string{"a.mp4", "a.mov"} {
		out := filepath.Join(t.TempDir(), name)
		ffmpeg(t, "-i", clip(t, "clip.mp4", "3"), "-i", list, "-map", "0", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy", out)
		info := probeFile(t, out)
		if diff := cmp.Diff(want, info.Chapters); diff != "" || info.Title != "Making a chair" || len(info.Tracks) != 2 {
			t.Errorf("%s: title %q, %d tracks, chapters (-want +got):\n%s", name, info.Title, len(info.Tracks), diff)
		}
	}
}

func TestProbeUncompressedSound(t *testing.T) {
	info := probeFile(t, clip(t, "pcm.mov", "2", "-c:a", "pcm_s16le"))
	a := info.Tracks[1]
	if a.Duration != 2*time.Second || a.Samples != 88200 || a.Copyable {
		t.Errorf("found %+v", a)
	}
}

func TestProbeRefuses(t *testing.T) {
	whole, err := os.ReadFile(clip(t, "clip.mp4", "2", "-movflags", "+faststart"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		body []byte
		says string // empty when it is a file with a warning
	}{
		{"empty", nil, "no movie header"},
		{"text", []byte(strings.Repeat("not a video ", 100)), "not a usable MP4"},
		{"cut in the header", whole[:900], "not a usable MP4"},
		{"cut in the media", whole[:len(whole)/2], ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.mp4")
			if err := os.WriteFile(path, tt.body, 0o600); err != nil {
				t.Fatal(err)
			}
			info, err := Probe(path)
			switch {
			case tt.says == "" && (err != nil || !info.Truncated):
				t.Errorf("not seen as cut short: %v", err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("got %v, want ...%s...", err, tt.says)
			}
		})
	}
}
