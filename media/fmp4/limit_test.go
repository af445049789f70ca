package fmp4

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestProbeHostileFragment gives a large sparse file whose one trun claims as many samples
// as the file has bytes, without a field for any of them.
func TestProbeHostileFragment(t *testing.T) {
	const size = 30 << 20
	whole, err := os.ReadFile(clip(t, "clip.mp4", "1", "-movflags", "+frag_keyframe+empty_moov"))
	if err != nil {
		t.Fatal(err)
	}
	file := scanFile(t, writeFile(t, whole))
	head := append([]byte{}, whole[:file.InitSize]...)
	u32 := func(n ...uint32) (b []byte) {
		for _, v := range n {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		return b
	}
	trun := appendBox(nil, "trun", u32(0, size))
	tfhd := appendBox(nil, "tfhd", u32(0, 1))
	traf := appendBox(nil, "traf", append(tfhd, trun...))
	head = appendBox(head, "moof", traf)
	path := writeFile(t, append(head, u32(size, binary.BigEndian.Uint32([]byte("mdat")))...))
	if err := os.Truncate(path, size+int64(len(head))); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Probe(path); err == nil {
		t.Error("the file was taken")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 100<<20 {
		t.Errorf("%d MiB were used", used>>20)
	}
}

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.mp4")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
