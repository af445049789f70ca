package mirror

import (
	"os"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// TestFits: a begun file needs room for what is missing of it, not for all of it again.
func TestFits(t *testing.T) {
	const size, free = 8 << 20, diskReserve + 3<<20
	tests := []struct {
		name    string
		written int // bytes of the .part, which is always of full length
		free    int64
		fits    bool
	}{
		{"nothing came, room for all", 0, diskReserve + size, true},
		{"nothing came, no room", 0, free, false},
		{"half came, room for less", 4 << 20, free, false},
		{"most came, room for the rest", 6 << 20, free, true},
		{"all came", size, diskReserve, true},
		{"all came, the reserve is broken into", size, diskReserve - 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := openShelf(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s.free = func(string) (int64, error) { return test.free, nil }
			f := File{Bytes: size, hash: metainfo.Hash{1}}
			beginPart(t, s, f, test.written)
			if err := s.fits(f); (err == nil) != test.fits {
				t.Errorf("fits: %v", err)
			}
		})
	}
}

// beginPart makes a .part with some of its bytes on the disk.
func beginPart(t *testing.T, s *shelf, f File, written int) {
	t.Helper()
	part, err := os.Create(s.path(f.hash, ".part"))
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if _, err := part.Write(make([]byte, written)); err != nil {
		t.Fatal(err)
	}
	if err := part.Truncate(f.Bytes); err != nil {
		t.Fatal(err)
	}
	if err := part.Sync(); err != nil { // some file systems give room only then
		t.Fatal(err)
	}
}

// TestUnseen: what was begun stays while its home can't be asked, for a while, and counts.
func TestUnseen(t *testing.T) {
	s, err := openShelf(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	seen, lost, old := File{Bytes: 1 << 20, hash: metainfo.Hash{1}}, File{Bytes: 1 << 20, hash: metainfo.Hash{2}}, File{Bytes: 1 << 20, hash: metainfo.Hash{3}}
	for _, f := range []File{seen, lost, old} {
		beginPart(t, s, f, 512<<10)
	}
	past := time.Now().Add(-unseenTime - time.Hour)
	if err := os.Chtimes(s.path(old.hash, ".part"), past, past); err != nil {
		t.Fatal(err)
	}
	wanted, bytes, err := s.unseen([]candidate{{File: seen}})
	if err != nil || len(wanted) != 1 || !wanted[lost.hash] || bytes < 512<<10 || bytes >= 1<<20 {
		t.Errorf("unseen %v, %d bytes, %v", wanted, bytes, err)
	}
	if got := left(1<<20, bytes); got <= 0 || got > 512<<10 {
		t.Errorf("%d bytes are left", got)
	}
	if left(0, bytes) != 0 || left(1, bytes) != 1 {
		t.Error("a limit became none")
	}
	if err := s.tidy(wanted); err != nil {
		t.Fatal(err)
	}
	for f, stays := range map[File]bool{seen: false, lost: true, old: false} {
		if _, err := os.Stat(s.path(f.hash, ".part")); (err == nil) != stays {
			t.Errorf("%v: %v", f.hash, err)
		}
	}
}
