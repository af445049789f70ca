package fmp4

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
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

// H.264 as our renditions have it: B-frames, two-second closed groups, no scene cuts.
// Lossless, so that decoded frames can be compared with the source's.
var h264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-bf", "3", "-b_strategy", "0", "-g", "60", "-sc_threshold", "0"}

// clip makes a file of the given name with a picture that changes with every frame, and
// a tone. More options may override its codecs.
func clip(t testing.TB, name, seconds string, more ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=" + seconds, "-f", "lavfi", "-i", "sine=f=440:r=44100:d=" + seconds}
	args = append(append(args, h264...), "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", "-ac", "2")
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

// frames decodes the video and returns a checksum and time for each frame.
func frames(t testing.TB, path string) string {
	t.Helper()
	return hashes(ffmpeg(t, "-xerror", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"))
}

// packets returns a checksum for each packet of the first track of a kind, without times
// and without the supplemental information that a remux cleans.
func packets(t testing.TB, path string, kind Kind) []string {
	t.Helper()
	info, err := Probe(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(info.Tracks, func(one TrackInfo) bool { return one.Kind == kind }) {
		return nil
	}
	var list []string
	stream := "0:" + string(kind[:1])
	for line := range strings.Lines(hashes(ffmpeg(t, "-i", path, "-map", stream, "-c", "copy", "-bsf:v", "filter_units=remove_types=6", "-f", "framemd5", "-"))) {
		list = append(list, strings.TrimSpace(strings.Split(line, ",")[5]))
	}
	return list
}

// hashes drops the comments of a framemd5 file.
func hashes(b []byte) string {
	var kept strings.Builder
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// checkLayout reads a rendition with a reader that is not ours and checks what players
// rely on: order of boxes, indexes, numbering, one moof a group with all tracks, times.
func checkLayout(t *testing.T, path string, tracks, fragments int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, child := range f.Children[:2+tracks] {
		kinds = append(kinds, child.Type())
	}
	if got, want := strings.Join(kinds, " "), "ftyp moov"+strings.Repeat(" sidx", tracks); got != want {
		t.Errorf("the file begins with %s, want %s", got, want)
	}
	if f.Moov.Mvex.Mehd == nil || f.Moov.Mvex.Mehd.FragmentDuration == 0 || bytes.Contains(b[:f.Moov.Size()], []byte("udta")) {
		t.Error("moov has no length, or has metadata")
	}
	start := int64(f.Ftyp.Size() + f.Moov.Size())
	for _, x := range f.Sidxs {
		end := int64(f.Ftyp.Size() + f.Moov.Size())
		for _, s := range f.Sidxs {
			end += int64(s.Size())
		}
		start += int64(x.Size())
		if at := start + int64(x.FirstOffset); at != end {
			t.Errorf("the index of track %d points to %d, want %d", x.ReferenceID, at, end)
		}
		for _, ref := range x.SidxRefs {
			if string(b[end+4:end+8]) != "moof" || ref.StartsWithSAP != 1 {
				t.Fatalf("the index of track %d points into the middle of something", x.ReferenceID)
			}
			end += int64(ref.ReferencedSize)
		}
		if len(x.SidxRefs) != fragments || end != int64(len(b)) {
			t.Errorf("the index of track %d has %d entries and ends at %d of %d", x.ReferenceID, len(x.SidxRefs), end, len(b))
		}
	}
	checkFragments(t, f, tracks, fragments)
}

func checkFragments(t *testing.T, f *mp4.File, tracks, fragments int) {
	t.Helper()
	next := map[uint32]uint64{}
	number := 0
	for _, seg := range f.Segments {
		for _, fr := range seg.Fragments {
			number++
			if int(fr.Moof.Mfhd.SequenceNumber) != number || len(fr.Moof.Trafs) != tracks {
				t.Errorf("fragment %d has number %d and %d tracks", number, fr.Moof.Mfhd.SequenceNumber, len(fr.Moof.Trafs))
			}
			for _, traf := range fr.Moof.Trafs {
				id := traf.Tfhd.TrackID
				if at := traf.Tfdt.BaseMediaDecodeTime(); at != next[id] {
					t.Errorf("fragment %d of track %d begins at %d, want %d", number, id, at, next[id])
				}
				next[id] += traf.Trun.Duration(traf.Tfhd.DefaultSampleDuration)
			}
		}
	}
	if number != fragments {
		t.Errorf("%d fragments, want %d", number, fragments)
	}
}

// written calls a writer of renditions with a fresh file and returns its path.
func written(t testing.TB, write func(w io.Writer) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.mp4")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		t.Fatal(err)
	}
	return path
}

func remuxFile(t testing.TB, src string) string {
	t.Helper()
	return written(t, func(w io.Writer) error { return Remux(t.Context(), src, w, nil) })
}

func TestRemux(t *testing.T) {
	ordinary := clip(t, "ordinary.mp4", "5")
	for _, tt := range []struct {
		name      string
		encode    []string // nil: only copied from the ordinary clip
		mux       []string
		tracks    int
		fragments int
	}{
		{"as cameras write it", nil, []string{"-metadata", "title=Secret", "-metadata", "location=+48.8577+002.295/"}, 2, 3},
		{"index first", nil, []string{"-movflags", "+faststart"}, 2, 3},
		{"quicktime", nil, []string{"-f", "mov"}, 2, 3},
		{"without sound", nil, []string{"-an"}, 1, 3},
		{"without picture", nil, []string{"-vn"}, 1, 3},
		{"without edit list", nil, []string{"-use_editlist", "0"}, 2, 3},
		{"fragmented already", nil, []string{"-movflags", "+frag_keyframe+empty_moov+default_base_moof"}, 2, 3},
		{"fragmented with an edit list", nil, []string{"-movflags", "+frag_keyframe+delay_moov+default_base_moof"}, 2, 3},
		{"without reordering", []string{"-bf", "0"}, nil, 2, 3},
		{"keyframes only", []string{"-g", "1"}, nil, 2, 5},
		{"odd frame rate", []string{"-r", "30000/1001", "-video_track_timescale", "90000"}, nil, 2, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "src.mp4")
			if tt.encode != nil {
				src = clip(t, "src.mp4", "5", tt.encode...)
			} else {
				ffmpeg(t, append(append([]string{"-i", ordinary, "-c", "copy"}, tt.mux...), src)...)
			}
			out := remuxFile(t, src)
			checkLayout(t, out, tt.tracks, tt.fragments)
			samePackets(t, src, out)
			b, err := os.ReadFile(out)
			if err != nil || bytes.Contains(b, []byte("Secret")) || bytes.Contains(b, []byte("+48.85")) {
				t.Errorf("metadata left the file: %v", err)
			}
			if f := scanFile(t, out); f.Fragments[0].Start != 0 {
				t.Errorf("begins at %v", f.Fragments[0].Start)
			}
		})
	}
}

func samePackets(t *testing.T, src, out string) {
	t.Helper()
	for _, kind := range []Kind{Video, Audio} {
		want, got := packets(t, src, kind), packets(t, out, kind)
		if kind == Audio && len(want) == len(got)+1 {
			want = want[1:] // the packet that warms up the decoder
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s packets differ: %d became %d", kind, len(want), len(got))
		}
	}
}

func TestRemuxRefuses(t *testing.T) {
	truncate := func(path string, n int64) string {
		if err := os.Truncate(path, n); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := filepath.Join(t.TempDir(), "text.mp4")
	if err := os.WriteFile(text, []byte("this is not a video, whatever its name says\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	turned := filepath.Join(t.TempDir(), "turned.mp4")
	ffmpeg(t, "-i", clip(t, "clip.mp4", "1"), "-c", "copy", "-metadata:s:v", "rotate=90", turned)
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"rotation", turned, ErrUnsupported},
		{"open GOP", clip(t, "open.mp4", "4", "-preset", "faster", "-qp", "-1", "-x264-params", "open-gop=1:keyint=30:min-keyint=30:bframes=3"), ErrUnsupported},
		{"another codec", clip(t, "mpeg4.mp4", "1", "-c:v", "mpeg4"), ErrUnsupported},
		{"another sound", clip(t, "mp3.mp4", "1", "-c:a", "ac3"), ErrUnsupported},
		{"mirrored", mirrored(t), ErrUnsupported},
		{"cut short", truncate(clip(t, "short.mp4", "2", "-movflags", "+faststart"), 40000), ErrFormat},
		{"cut before the index", truncate(clip(t, "shorter.mp4", "2"), 40000), ErrFormat},
		{"text", text, ErrFormat},
		{"nothing there", "/nonexistent.mp4", os.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Remux(t.Context(), tt.path, io.Discard, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestRemuxReportsAndStops(t *testing.T) {
	src := clip(t, "clip.mp4", "6")
	var last, size int64
	out := written(t, func(w io.Writer) error {
		return Remux(t.Context(), src, w, func(done, total int64) {
			if done <= last || done > total {
				t.Errorf("reported %d of %d after %d", done, total, last)
			}
			last, size = done, total
		})
	})
	if info, err := os.Stat(out); err != nil || last != size || info.Size() != size {
		t.Errorf("reported %d of %d, wrote %v, %v", last, size, info.Size(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := Remux(ctx, src, io.Discard, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled remux returned %v", err)
	}
}
