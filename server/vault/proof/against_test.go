package proof

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// disk has places that cannot be read, each as often as it says.
type disk struct {
	film []byte
	bad  map[int64]int // by offset of a piece
}

func (d *disk) ReadAt(b []byte, at int64) (int, error) {
	if d.bad[at] > 0 {
		d.bad[at]--
		return 0, syscall.EIO
	}
	return bytes.NewReader(d.film).ReadAt(b, at)
}

// A film on a disk that stutters once is well, one of which a part is lost is not what it was,
// and of one that cannot be read at all nothing is known.
func TestAgainst(t *testing.T) {
	film := make([]byte, 5<<20+17)
	_, _ = io.ReadFull(rand.NewChaCha8([32]byte{}), film)
	torrent, err := metainfo.Build(t.Context(), bytes.NewReader(film), int64(len(film)), time.Minute, "720p", ".mp4")
	if err != nil || torrent.Pieces() < 4 {
		t.Fatalf("%d pieces, %v", torrent.Pieces(), err)
	}
	piece := torrent.PieceLength
	everywhere := map[int64]int{}
	for i := range torrent.Pieces() {
		everywhere[int64(i)*piece] = 9
	}
	for _, tt := range []struct {
		name   string
		bad    map[int64]int
		flip   bool
		says   string
		rotten bool
	}{
		{"well", nil, false, "", false},
		{"a flipped bit", nil, true, "1 of", true},
		{"a stutter", map[int64]int{piece: 1}, false, "", false},
		{"a stutter at three places", map[int64]int{0: 1, piece: 1, 3 * piece: 1}, false, "", false},
		{"a lost sector", map[int64]int{piece: 9}, false, "cannot be read", true},
		{"a lost sector and a flipped bit", map[int64]int{piece: 9}, true, "2 of", true},
		{"the disk is away", everywhere, false, "input/output error", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, read := &disk{bytes.Clone(film), tt.bad}, int64(0)
			if tt.flip {
				d.film[2*piece]++
			}
			err := against(t.Context(), torrent, d, func(_, n int64) { read += n })
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v, want %q", err, tt.says)
			}
			if errors.Is(err, ErrRotten) != tt.rotten || Bad(err) != tt.rotten {
				t.Errorf("%v is rotten: %v", err, !tt.rotten)
			}
			if read != int64(len(film)) {
				t.Errorf("%d of %d bytes were told", read, len(film))
			}
		})
	}
}
