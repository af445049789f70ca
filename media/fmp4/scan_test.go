package fmp4

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestScanLayouts reads what ffmpeg writes with different flags: six frames at ten a
// second, a keyframe every three, so two fragments of the picture in each.
func TestScanLayouts(t *testing.T) {
	for _, name := range []string{"cmaf.mp4", "moof.mp4", "hls.mp4"} {
		t.Run(name, func(t *testing.T) {
			f := scanFile(t, "testdata/tiny/"+name)
			if len(f.Fragments) != 2 || f.Codecs() != "avc1.42c00a,mp4a.40.2" && f.Codecs() != "avc1.4d400a,mp4a.40.2" {
				t.Fatalf("codecs %s, fragments %+v", f.Codecs(), f.Fragments)
			}
			for i, fr := range f.Fragments {
				if !fr.Keyframe || fr.Duration != 300*time.Millisecond || fr.Start != time.Duration(i)*300*time.Millisecond {
					t.Errorf("fragment %d: %+v", i, fr)
				}
			}
			last := f.Fragments[1]
			if b, err := os.ReadFile("testdata/tiny/" + name); err != nil || string(b[last.Offset+4:last.Offset+8]) != "moof" || last.Offset+last.Size > int64(len(b)) {
				t.Errorf("the last fragment lies at %d+%d of %d, %v", last.Offset, last.Size, len(b), err)
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/tiny/cmaf.mp4")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := os.ReadFile("testdata/tiny/plain.mp4")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		body []byte
		says string
	}{
		{"empty", nil, "no movie header"},
		{"not fragmented", plain, "no fragment"},
		{"cut short", whole[:len(whole)-10], "longer than what holds it"},
		{"text", []byte(strings.Repeat("text ", 99)), "not a usable MP4"},
		{"twice", append(append([]byte{}, whole...), whole...), "two movie headers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Scan(bytes.NewReader(tt.body), int64(len(tt.body)))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want ...%s...", err, tt.says)
			}
		})
	}
}

// words makes a box payload of 32-bit numbers.
func words(n ...uint32) []byte {
	var b []byte
	for _, w := range n {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// TestSampleFlags checks where a sample's flags come from: its own field, else the
// first-sample-flags, else tfhd, else trex.
func TestSampleFlags(t *testing.T) {
	const key, other = 0x02000000, 0x01010000
	for _, tt := range []struct {
		name string
		trex uint32
		tfhd []byte
		trun []byte
		want []bool // is each sample a keyframe?
	}{
		{"trex", key, words(0, 1), words(0, 2), []bool{true, true}},
		{"trex says no", other, words(0, 1), words(0, 2), []bool{false, false}},
		{"tfhd before trex", key, words(tfhdFlags, 1, other), words(0, 2), []bool{false, false}},
		{"first before tfhd", key, words(tfhdFlags, 1, other), words(trunFirstFlags, 2, key), []bool{true, false}},
		{"first before trex", other, words(0, 1), words(trunFirstFlags, 2, key), []bool{true, false}},
		{"own before all", key, words(tfhdFlags, 1, key), words(trunFirstFlags|trunFlags, 2, key, other, key), []bool{false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &movie{tracks: []*track{{Track: Track{ID: 1, Timescale: 10}, defaults: sampleDefaults{duration: 1, size: 1, flags: tt.trex}}}}
			traf := appendBox(appendBox(nil, "tfhd", tt.tfhd), "trun", tt.trun)
			b := appendBox(nil, "moof", appendBox(nil, "traf", traf))
			budget := int64(100)
			runs, err := source{r: bytes.NewReader(b), size: int64(len(b))}.readMoof(m, box{kind: "moof", body: 8, end: int64(len(b))}, &budget)
			if err != nil || len(runs) != 1 {
				t.Fatalf("%d runs, %v", len(runs), err)
			}
			var got []bool
			for _, s := range runs[0].samples {
				got = append(got, s.key)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("keyframes (-want +got):\n%s", diff)
			}
		})
	}
}

// grid makes a file whose fragments have the given lengths in ticks of 1/1000 second.
func grid(ticks ...uint64) *File {
	f := &File{InitSize: 1000, timescale: 1000, Tracks: []Track{{Kind: Video, Codec: "avc1.64001f"}, {Kind: Audio, Codec: "mp4a.40.2"}}}
	at := int64(1200)
	for i, n := range ticks {
		size := int64(n)*100 + int64(i)
		f.Fragments = append(f.Fragments, Fragment{Offset: at, Size: size, Keyframe: true, ticks: n})
		at += size
	}
	f.Size = at
	return f
}

func TestPlaylist(t *testing.T) {
	for _, tt := range []struct {
		name string
		file *File
		want []uint64 // lengths of the segments
	}{
		{"our grid", grid(2000, 2000, 2000, 2000, 2000, 2000, 700), []uint64{2000, 2000, 4000, 4000, 700}},
		{"ntsc", grid(2002, 2002, 2002, 2002, 2002), []uint64{2002, 2002, 4004, 2002}},
		{"one fragment", grid(500), []uint64{500}},
		{"long groups", grid(10000, 4000, 10000, 10000), []uint64{10000, 4000, 10000, 10000}},
		{"short groups", grid(1000, 500, 500, 1000, 1000, 1000, 1000, 1000), []uint64{1500, 1500, 4000}},
		{"an empty fragment at the end", grid(2000, 2000, 4000, 0), []uint64{2000, 2000, 4000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []uint64
			at := tt.file.Fragments[0].Offset
			for _, s := range tt.file.segments() {
				if s.offset != at {
					t.Errorf("segment at %d, want %d", s.offset, at)
				}
				at += s.size
				got = append(got, s.ticks)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || at != tt.file.Size {
				t.Errorf("ends at %d of %d; (-want +got):\n%s", at, tt.file.Size, diff)
			}
		})
	}
}

func TestPlaylistText(t *testing.T) {
	got := string(Playlist(grid(2002, 2002, 2002, 2002, 2002, 1001), "720p.mp4"))
	const name = "testdata/720p.m3u8"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f := grid(2000, 2000)
	f.Fragments[1].Keyframe = false
	if text := string(Playlist(f, "x.mp4")); strings.Contains(text, "INDEPENDENT") {
		t.Error("claims independent segments where one begins without a keyframe")
	}
}

func TestBandwidth(t *testing.T) {
	peak, average := grid(2000, 1000).Bandwidth()
	// 200,000 bytes in the first two seconds, 100,001 in the one after.
	if peak != 800008 || average != 800003 {
		t.Errorf("peak %d, average %d", peak, average)
	}
}
