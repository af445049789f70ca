package fmp4

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// chunkFlags is how the encoder writes chunks.
var chunkFlags = []string{"-video_track_timescale", "30000", "-movflags", "+cmaf+frag_keyframe+skip_trailer"}

// makeChunks cuts the first ten seconds of a source into encoded chunks of four seconds.
func makeChunks(t testing.TB, src string) []string {
	t.Helper()
	dir := t.TempDir()
	var list []string
	for k := range 3 {
		path := filepath.Join(dir, fmt.Sprintf("%d.mp4", k))
		trim := fmt.Sprintf("trim=start_frame=%d:end_frame=%d,setpts=PTS-STARTPTS", k*120, min((k+1)*120, 300))
		args := append([]string{"-i", src, "-an", "-vf", trim}, h264...)
		ffmpeg(t, append(append(args, chunkFlags...), path)...)
		list = append(list, path)
	}
	return list
}

// TestJoin joins chunks that were encoded without loss and compares every decoded frame
// and its time with the source's, and every packet of sound.
func TestJoin(t *testing.T) {
	src := clip(t, "clip.mp4", "10")
	chunks := makeChunks(t, src)
	dir := t.TempDir()
	plain, fragmented := filepath.Join(dir, "a.m4a"), filepath.Join(dir, "f.mp4")
	ffmpeg(t, "-i", src, "-vn", "-c", "copy", plain)
	ffmpeg(t, "-i", src, "-vn", "-c", "copy", "-movflags", "+cmaf+frag_keyframe+skip_trailer", fragmented)
	sound := packets(t, src, Audio)
	for _, tt := range []struct {
		name      string
		chunks    []string
		audio     string
		tracks    int
		sound     []string
		fragments int
		length    time.Duration
		codecs    string
	}{
		{"video and plain audio", chunks, plain, 2, sound[1:], 5, 10 * time.Second, "avc1.f4000b,mp4a.40.2"},
		{"video and fragmented audio", chunks, fragmented, 2, sound, 5, 10023219954, "avc1.f4000b,mp4a.40.2"},
		{"video alone", chunks, "", 1, nil, 5, 10 * time.Second, "avc1.f4000b"},
		{"one chunk", chunks[:1], "", 1, nil, 2, 4 * time.Second, "avc1.f4000b"},
		{"audio alone", nil, plain, 1, sound[1:], 5, 10 * time.Second, "mp4a.40.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write := func(w io.Writer) error { return Join(t.Context(), w, tt.chunks, tt.audio, nil) }
			out := written(t, write)
			checkLayout(t, out, tt.tracks, tt.fragments)
			f := scanFile(t, out)
			if d := f.Duration - tt.length; d < -24*time.Millisecond || d > 24*time.Millisecond {
				t.Errorf("length %v, want %v", f.Duration, tt.length)
			}
			if f.Codecs() != tt.codecs {
				t.Errorf("codecs %s, want %s", f.Codecs(), tt.codecs)
			}
			if len(tt.chunks) == 3 {
				compareFrames(t, src, out)
			}
			if got := packets(t, out, Audio); !slices.Equal(got, tt.sound) {
				t.Errorf("%d packets of sound, want the source's %d", len(got), len(tt.sound))
			}
			sameBytes(t, out, written(t, write))
		})
	}
}

// compareFrames checks that both files show the same pictures, an equal time apart.
func compareFrames(t *testing.T, src, out string) {
	t.Helper()
	want, got := strings.Split(strings.TrimSpace(frames(t, src)), "\n"), strings.Split(strings.TrimSpace(frames(t, out)), "\n")
	if len(want) != len(got) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		w, g := strings.Fields(want[i]), strings.Fields(got[i])
		if w[len(w)-1] != g[len(g)-1] {
			t.Fatalf("frame %d differs: %v, want %v", i, g, w)
		}
	}
	// ffmpeg reports the decoder's delay as the start of a file without an edit list;
	// what a browser shows first is the time in the file itself.
	if f := scanFile(t, out); f.Fragments[0].Start != 0 || f.Fragments[0].Duration != 2*time.Second {
		t.Errorf("first fragment: %+v", f.Fragments[0])
	}
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil || !slices.Equal(x, y) {
		t.Errorf("joining again gave other bytes: %v", err)
	}
}

func TestJoinRefuses(t *testing.T) {
	src := clip(t, "clip.mp4", "2")
	same := clip(t, "a.mp4", "2", append([]string{"-an"}, chunkFlags...)...)
	other := clip(t, "b.mp4", "2", append([]string{"-an", "-qp", "20"}, chunkFlags...)...)
	slow := clip(t, "c.mp4", "2", append(append([]string{"-an"}, chunkFlags...), "-video_track_timescale", "15360")...)
	for _, tt := range []struct {
		name   string
		chunks []string
		audio  string
		want   error
	}{
		{"nothing", nil, "", ErrFormat},
		{"other settings", []string{same, other}, "", ErrFormat},
		{"another timescale", []string{same, slow}, "", ErrFormat},
		{"sound among the chunks", []string{clip(t, "d.m4a", "2", "-vn")}, "", ErrFormat},
		{"no sound", []string{same}, same, ErrFormat},
		{"a missing chunk", []string{same, src + ".part"}, "", os.ErrNotExist},
		{"missing sound", []string{same}, src + ".m4a", os.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Join(t.Context(), io.Discard, tt.chunks, tt.audio, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
