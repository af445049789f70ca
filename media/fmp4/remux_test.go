package fmp4

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// message encodes one SEI message.
func message(kind int, content []byte) (b []byte) {
	for _, n := range []int{kind, len(content)} {
		for ; n >= 255; n -= 255 {
			b = append(b, 255)
		}
		b = append(b, byte(n))
	}
	return append(b, content...)
}

func TestScrub(t *testing.T) {
	secret := []byte("+52.5200+013.4050 SERIAL\x00\x00\x01\x00\x00\x00")
	recovery := message(6, []byte{0x80})
	zeros := message(0, []byte{1, 0, 0})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name     string
		messages []byte
		kept     []byte
	}{
		{"user data", message(5, secret), nil},
		{"registered user data", message(4, secret), nil},
		{"unknown", message(300, secret), nil},
		{"between useful ones", join(zeros, message(5, secret), recovery), join(zeros, recovery)},
		{"useful ones alone", join(zeros, recovery), join(zeros, recovery)},
		{"empty", message(5, nil), nil},
		{"false size", append(message(5, secret), 5, 200, 1, 2), nil},
	}
	for n := 230; n < 1050; n++ {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.messages = join(recovery, message(5, bytes.Repeat([]byte{'S'}, n)))
		last.kept = recovery
	}
	for _, tt := range tests {
		nal := append([]byte{nalSEI}, escape(append(bytes.Clone(tt.messages), 0x80))...)
		slice := []byte{0x65, 1, 2, 3, 0, 0, 3, 1}
		p := binary.BigEndian.AppendUint32(nil, uint32(len(nal)))
		p = append(append(p, nal...), 0, 0, 0, byte(len(slice)))
		p = append(p, slice...)
		size := len(p)
		if err := scrub(p, 4); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if len(p) != size || !bytes.Equal(p[len(p)-len(slice):], slice) || bytes.Contains(p, secret[:8]) || bytes.Contains(p, []byte("SSSS")) {
			t.Fatalf("%s: became %x", tt.name, p)
		}
		kept, private := messages(unescape(p[5 : 4+len(nal)]))
		if private || !bytes.Equal(kept, tt.kept) {
			t.Fatalf("%s: kept %x, want %x, of %x", tt.name, kept, tt.kept, p)
		}
	}
	if err := scrub([]byte{0, 0, 0, 9, nalSEI, 5}, 4); err == nil {
		t.Error("a unit longer than its sample was taken")
	}
}

// TestRemuxLeavesUserData copies a file that tells a place with every picture.
func TestRemuxLeavesUserData(t *testing.T) {
	plain := clip(t, "clip.mp4", "2")
	path := filepath.Join(t.TempDir(), "gps.mp4")
	ffmpeg(t, "-i", plain, "-c", "copy", "-bsf:v", "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+LAT52.5200LON013.4050", path)
	if data, err := os.ReadFile(path); err != nil || !bytes.Contains(data, []byte("LAT52")) {
		t.Fatalf("the fixture holds no place: %v", err)
	}
	out := remuxFile(t, path)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"LAT52", "x264"} {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("the copy holds %q", secret)
		}
	}
	frames := func(path string) string {
		return string(ffmpeg(t, "-xerror", "-err_detect", "explode", "-i", path, "-map", "0:v", "-f", "framemd5", "-"))
	}
	if frames(out) != frames(plain) {
		t.Error("the pictures changed")
	}
}

// TestRemuxBitRates copies a QuickTime file, whose tracks do not say their bit rates.
func TestRemuxBitRates(t *testing.T) {
	path := clip(t, "clip.mov", "5", "-g", "30")
	if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("btrt")) {
		t.Fatalf("the fixture says its bit rates: %v", err)
	}
	out := remuxFile(t, path)
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := openInput(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, track := range in.movie.tracks {
		var total, largest uint64
		for s, err := range in.samples(track) {
			if err != nil {
				t.Fatal(err)
			}
			total, largest = total+uint64(s.size), max(largest, uint64(s.size))
		}
		b := fields{b: track.entry.btrt}
		buffer, peak, average := b.u32(), b.u32(), b.u32()
		want := float64(total) * 8 / 5
		if b.short || uint64(buffer) != largest || float64(average) < 0.98*want || float64(average) > 1.02*want || peak < average || peak > 8*average {
			t.Errorf("%s: btrt says buffer %d, peak %d, average %d; want %d, more, %.0f", track.Kind, buffer, peak, average, largest, want)
		}
	}
	if again := remuxFile(t, out); again != "" {
		sameBytes(t, again, out)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08\x06\x05\x03abc\x80\x00"), 4)
	f.Fuzz(func(t *testing.T, p []byte, size int) {
		if kind := firstSlice(p, size&3+1); kind < 0 || kind > nalIDR {
			t.Errorf("slice type %d", kind)
		}
		_ = scrub(p, size&3+1)
	})
}
