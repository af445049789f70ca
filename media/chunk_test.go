package media

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"os/exec"
	"path/filepath"
)

// TestChunksAreExact compares every frame that the chunks of a source take with those of
// one pass over it. Counting frames would not do: wrong methods get the number right.
func TestChunksAreExact(t *testing.T) {
	base := "-hide_banner -loglevel error -nostdin -y -f lavfi -i testsrc2=s=160x120:r=30:d=9 "
	codec := "-c:v libx264 -preset ultrafast -bf 3 -b_strategy 0 -g 45 "
	tests := []struct{ name, file, args string }{
		{"constant", "cfr.mp4", base + codec},
		{"transport stream", "cfr.ts", base + codec},
		{"29.97", "ntsc.mp4", strings.Replace(base, "r=30", "r=30000/1001", 1) + codec},
		{"varying", "vfr.mkv", base + "-vf select='not(between(mod(n\\,70)\\,10\\,39))*not(eq(mod(n\\,7)\\,3))' -vsync vfr " + codec},
		{"120 halved", "fast.mp4", strings.Replace(base, "r=30", "r=120", 1) + codec},
		{"interlaced", "tff.ts", strings.Replace(base, "r=30", "r=50", 1) + "-vf interlace -c:v mpeg2video -flags +ildct+ilme -b:v 2M "},
	}
	m := New(Config{Threads: 2})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			if out, err := exec.Command("ffmpeg", append(strings.Fields(test.args), path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			src, err := m.Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			rung := src.rung(120)
			rc := recipe{src: src, rungs: []Rung{rung}, enc: x264()}
			rc.grid = newGrid(src.VideoLength, rung.FPS, 1_000_000)
			whole := m.hashes(t, rc)
			rc.grid = newGrid(src.VideoLength, rung.FPS, 1)
			if rc.grid.count < 3 {
				t.Fatalf("only %d chunks of %v", rc.grid.count, src)
			}
			parts := m.hashes(t, rc)
			if !slices.Equal(whole, parts) {
				wrong := 0
				for i := range min(len(whole), len(parts)) {
					if whole[i] != parts[i] {
						wrong++
					}
				}
				t.Errorf("%d of %d frames are wrong, %d frames in chunks", wrong, len(whole), len(parts))
			}
		})
	}
}

// hashes returns the hash of every frame that reaches the encoder, chunk after chunk.
func (m *Maker) hashes(t *testing.T, rc recipe) (all []string) {
	t.Helper()
	for k := range rc.grid.count {
		var out bytes.Buffer
		err := m.run(t.Context(), job{tool: ffmpeg, input: rc.src.Path, decode: rc.decode(k), stdout: &out,
			args: []string{"-filter_complex", rc.filters(k), "-map", "[o0]", "-f", "framemd5", "pipe:1"}})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if !strings.HasPrefix(line, "#") {
				all = append(all, line[strings.LastIndex(line, ",")+1:])
			}
		}
	}
	return all
}
