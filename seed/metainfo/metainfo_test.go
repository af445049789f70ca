package metainfo_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	foreign "github.com/anacrolix/torrent/metainfo"

	"github.com/tubelet/tubelet/seed/metainfo"
)

const (
	socket  = "wss://tube.example/tracker/socket"
	http    = "https://tube.example/tracker/announce"
	webSeed = "https://tube.example/media/k3v9/1/720p.mp4"
	source  = "https://tube.example/media/k3v9/1/720p.torrent"
)

// video is n bytes that are the same in every run.
func video(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

func build(t testing.TB, b []byte) metainfo.Torrent {
	t.Helper()
	made, err := metainfo.Build(t.Context(), bytes.NewReader(b), int64(len(b)), time.Minute, "720p", ".mp4")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestBuild keeps the infohash of one file for ever: a later version of this program must
// make the same, or swarms would split and mirrors fetch everything again.
func TestBuild(t *testing.T) {
	made := build(t, video(1_000_000))
	if got, want := made.InfoHash.String(), "33eb73bb340d3c7d69a6930796705b5a9b3bb187"; got != want {
		t.Errorf("infohash %s, want %s", got, want)
	}
	if got, want := made.Name, "720p-72873144.mp4"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	again := build(t, video(1_000_000))
	if again.InfoHash != made.InfoHash || !bytes.Equal(again.Info, made.Info) {
		t.Error("the same bytes made another torrent")
	}
	other := video(1_000_000)
	other[999_999]++
	if changed := build(t, other); changed.InfoHash == made.InfoHash || changed.Name == made.Name {
		t.Error("other bytes made the same torrent")
	}
}

func TestBuildErrors(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	tests := []struct {
		name string
		ctx  context.Context
		size int64
		want error
	}{
		{"ended", ended, 1000, context.Canceled},
		{"shorter than said", t.Context(), 1001, io.ErrUnexpectedEOF},
		{"empty", t.Context(), 0, nil},
		{"absurd", t.Context(), 1 << 60, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := metainfo.Build(test.ctx, bytes.NewReader(video(1000)), test.size, time.Second, "a", ".mp4")
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestPieceLength(t *testing.T) {
	const mb, kb = 1 << 20, 1 << 10
	tests := []struct {
		name   string
		size   int64
		length time.Duration
		want   int64
	}{
		{"a short clip", 7 * mb, 80 * time.Second, 128 * kb},
		{"two megabits", 900 * mb, time.Hour, 128 * kb},
		{"six megabits, a piece is too short", 2700 * mb, time.Hour, 256 * kb},
		{"fifty megabits", 22000 * mb, time.Hour, 2048 * kb},
		{"a low rate for a day: never long pieces", 8000 * mb, 24 * time.Hour, 128 * kb},
		{"unknown length, small", mb, 0, 128 * kb},
		{"unknown length, large", 100_000 * mb, 0, 8192 * kb},
		{"nothing", 0, 0, 128 * kb},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := metainfo.PieceLength(test.size, test.length); got != test.want {
				t.Errorf("%d KiB, want %d KiB", got/kb, test.want/kb)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	b := video(300_000)
	made := build(t, b)
	for i := range made.Pieces() {
		offset, size := made.Piece(i)
		piece := bytes.Clone(b[offset : offset+size])
		if !made.Check(i, piece) {
			t.Errorf("piece %d is not itself", i)
		}
		piece[0]++
		if made.Check(i, piece) || made.Check(i, piece[1:]) {
			t.Errorf("piece %d is something else", i)
		}
	}
	if made.Pieces() != 3 || made.Check(3, nil) || made.Check(-1, nil) {
		t.Errorf("%d pieces, want 3", made.Pieces())
	}
}

// TestForeign lets other people's parsers read what we write.
func TestForeign(t *testing.T) {
	b := video(1_000_000)
	made := build(t, b)
	file := made.Encode([][]string{{socket}, {http}}, []string{webSeed})
	t.Run("anacrolix", func(t *testing.T) {
		read, err := foreign.Load(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if got := read.HashInfoBytes().HexString(); got != made.InfoHash.String() {
			t.Errorf("infohash %s, want %s", got, made.InfoHash)
		}
		info, err := read.UnmarshalInfo()
		if err != nil {
			t.Fatal(err)
		}
		if info.Name != made.Name || info.TotalLength() != 1_000_000 || info.NumPieces() != 8 || info.Private != nil {
			t.Errorf("info %+v", info)
		}
		if len(read.AnnounceList) != 2 || read.AnnounceList[1][0] != http || read.UrlList[0] != webSeed {
			t.Errorf("trackers %v, web seeds %v", read.AnnounceList, read.UrlList)
		}
	})
	path := filepath.Join(t.TempDir(), "a.torrent")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, program := range [][]string{{"aria2c", "-S", path}, {"transmission-show", path}} {
		t.Run(program[0], func(t *testing.T) {
			if _, err := exec.LookPath(program[0]); err != nil {
				t.Fatalf(`missing %s: "make test" installs it`, program[0])
			}
			out, err := exec.CommandContext(t.Context(), program[0], program[1:]...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{made.InfoHash.String(), made.Name, http} {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}

// TestParse reads back what was written, and what another program wrote.
func TestParse(t *testing.T) {
	made := build(t, video(1_000_000))
	for _, file := range [][]byte{made.Encode(nil, nil), made.Encode([][]string{{socket}}, []string{webSeed})} {
		read, err := metainfo.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		if read.InfoHash != made.InfoHash || read.Name != made.Name || read.Length != made.Length || !read.Check(0, video(131072)) {
			t.Errorf("read %v %q", read.InfoHash, read.Name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	made := build(t, video(1000))
	good := string(made.Encode(nil, nil))
	tests := map[string]string{
		"nothing":             "",
		"a list":              "le",
		"no info":             "d4:info4:abcde",
		"after the end":       good + "x",
		"cut":                 good[:len(good)-3],
		"several files":       "d4:infod5:filesld6:lengthi1e4:pathl1:aeee4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee",
		"a path":              strings.Replace(good, made.Name, "../"+made.Name[3:], 1),
		"a backslash":         strings.Replace(good, made.Name, `..\`+made.Name[3:], 1),
		"hidden":              strings.Replace(good, made.Name, "."+made.Name[1:], 1),
		"a control character": strings.Replace(good, made.Name, "\x00"+made.Name[1:], 1),
		"not UTF-8":           strings.Replace(good, made.Name, "\xff"+made.Name[1:], 1),
		"too long":            strings.Replace(good, "6:lengthi1000e", "6:lengthi131073e", 1),
		"negative":            strings.Replace(good, "6:lengthi1000e", "6:lengthi-1000e", 1),
		"leading zero":        strings.Replace(good, "6:lengthi1000e", "6:lengthi01000e", 1),
		"minus zero":          strings.Replace(good, "6:lengthi1000e", "6:lengthi-0e", 1),
		"no pieces":           strings.Replace(good, "12:piece lengthi131072e", "12:piece lengthi0e", 1),
		"odd pieces":          strings.Replace(good, "12:piece lengthi131072e", "12:piece lengthi131071e", 1),
		"keys twice":          strings.Replace(good, "4:name", "6:lengthi1000e4:name", 1),
		"deep":                "d4:info" + strings.Repeat("l", 10_000) + strings.Repeat("e", 10_000) + "e",
		"wide":                "d4:infol" + strings.Repeat("de", 10_000) + "ee",
		"a long string":       "d4:info99999999999999:a",
		"a huge string":       "d4:info9223372036854775807:a",
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			if file == good {
				t.Fatal("the case is the good file")
			}
			if _, err := metainfo.Parse([]byte(file)); !errors.Is(err, metainfo.ErrBad) {
				t.Errorf("error %v, want ErrBad", err)
			}
		})
	}
	if _, err := metainfo.Parse([]byte(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestMagnet(t *testing.T) {
	made := build(t, video(1000))
	link := made.Magnet("A talk & more + ü", []string{socket, http}, []string{webSeed}, source)
	read, err := foreign.ParseMagnetUri(link)
	if err != nil {
		t.Fatal(err)
	}
	if read.InfoHash.HexString() != made.InfoHash.String() || read.DisplayName != "A talk & more + ü" {
		t.Errorf("read %+v", read)
	}
	if len(read.Trackers) != 2 || read.Trackers[0] != socket || read.Params.Get("ws") != webSeed || read.Params.Get("xs") != source {
		t.Errorf("read %+v", read)
	}
	u, err := url.Parse(link)
	if err != nil || strings.Contains(link, "+") || len(u.Query()) != 5 {
		t.Errorf("link %s, %v", link, err)
	}
}

func TestParseHash(t *testing.T) {
	made := build(t, video(1000))
	if h, err := metainfo.ParseHash(made.InfoHash.String()); err != nil || h != made.InfoHash {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("g", 40), strings.Repeat("a", 42)} {
		if _, err := metainfo.ParseHash(bad); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}

func TestSegments(t *testing.T) {
	b := video(1000)
	s := metainfo.Segments{}
	if err := s.Add(t.Context(), "720p.mp4", bytes.NewReader(b), []metainfo.Range{{0, 600}, {600, 400}}); err != nil {
		t.Fatal(err)
	}
	first, second := sha256.Sum256(b[:600]), sha256.Sum256(b[600:])
	want := `{"720p.mp4":{"0-599":"` + hex.EncodeToString(first[:]) + `","600-999":"` + hex.EncodeToString(second[:]) + `"}}`
	if got, err := json.Marshal(s); err != nil || string(got) != want {
		t.Errorf("manifest %s, %v\nwant %s", got, err, want)
	}
	if err := s.Add(t.Context(), "a", bytes.NewReader(b), []metainfo.Range{{600, 401}}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("beyond the end: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	made := build(f, video(1000))
	f.Add(made.Encode([][]string{{socket}}, []string{webSeed}))
	f.Add(made.Encode(nil, nil))
	f.Add([]byte("d4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"))
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := metainfo.Parse(b)
		if err != nil {
			return
		}
		other, err := foreign.Load(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("we read it, another can't: %v", err)
		}
		if other.HashInfoBytes().HexString() != read.InfoHash.String() {
			t.Errorf("infohash %s, others say %s", read.InfoHash, other.HashInfoBytes())
		}
		again, err := metainfo.Parse(read.Encode([][]string{{socket}}, []string{webSeed}))
		if err != nil || again.InfoHash != read.InfoHash {
			t.Errorf("written again: %v, %v", again.InfoHash, err)
		}
		if last := read.Pieces() - 1; last < 0 {
			t.Error("no pieces")
		} else if offset, size := read.Piece(last); size <= 0 || offset+size != read.Length {
			t.Errorf("last piece %d+%d of %d", offset, size, read.Length)
		}
	})
}

// FuzzLoaderSwarms feeds it what is no playlist of ours.
func FuzzLoaderSwarms(f *testing.F) {
	for _, name := range []string{"plain.m3u8", "tracks.m3u8"} {
		b, err := os.ReadFile(filepath.Join("testdata/loader", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if found := metainfo.LoaderSwarms("https://a.example/m", b); len(found) > len(b) {
			t.Errorf("%d swarms of %d bytes", len(found), len(b))
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	file := video(64 << 20)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		build(b, file)
	}
}
