package metainfo

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tubelet/tubelet/seed/bencode"
)

// hashers read and hash at a time: the second core of a small machine halves the wait,
// and the rest of a large one would only wait for the disk.
const hashers = 2

// Build hashes the size bytes of r, once, and returns their torrent. The name is stem, eight
// digits of what was hashed, and ext ("720p-1a2b3c4d.mp4"), so that two videos' renditions
// don't meet in a downloader's folder.
func Build(ctx context.Context, r io.ReaderAt, size int64, length time.Duration, stem, ext string) (Torrent, error) {
	if size <= 0 {
		return Torrent{}, errors.New("make torrent: the file is empty")
	}
	t := Torrent{Length: size, PieceLength: PieceLength(size, length)}
	count := (size + t.PieceLength - 1) / t.PieceLength
	if count > maxPieces {
		return Torrent{}, fmt.Errorf("make torrent: %d pieces are too many", count)
	}
	t.pieces = make([]byte, count*sha1.Size)
	if err := t.hash(ctx, r); err != nil {
		return Torrent{}, fmt.Errorf("make torrent: %w", err)
	}
	mark := sha1.Sum(t.pieces)
	t.Name = stem + "-" + hex.EncodeToString(mark[:4]) + ext
	t.seal()
	return t, nil
}

// hash fills in the pieces.
func (t Torrent) hash(ctx context.Context, r io.ReaderAt) error {
	var next atomic.Int64
	var work sync.WaitGroup
	errs := make([]error, hashers)
	for worker := range errs {
		work.Go(func() { errs[worker] = t.hashSome(ctx, r, &next) })
	}
	work.Wait()
	return errors.Join(errs...)
}

// hashSome hashes the pieces that no other worker has taken.
func (t Torrent) hashSome(ctx context.Context, r io.ReaderAt, next *atomic.Int64) error {
	buf := make([]byte, 128<<10)
	sum := sha1.New()
	for {
		i := int(next.Add(1) - 1)
		if i >= t.Pieces() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		offset, size := t.Piece(i)
		sum.Reset()
		n, err := io.CopyBuffer(sum, onlyReader{io.NewSectionReader(r, offset, size)}, buf)
		if err != nil {
			return err
		}
		if n != size {
			return fmt.Errorf("the file ends after %d bytes, not %d: %w", offset+n, t.Length, io.ErrUnexpectedEOF)
		}
		sum.Sum(t.pieces[i*sha1.Size:][:0])
	}
}

// onlyReader hides WriteTo, which would ignore the buffer.
type onlyReader struct{ io.Reader }

// seal writes the info dictionary and its hash. No key says "private": who has the
// .torrent may find peers as he likes.
func (t *Torrent) seal() {
	b := append([]byte(nil), 'd')
	b = bencode.AppendInt(bencode.AppendString(b, "length"), t.Length)
	b = bencode.AppendString(bencode.AppendString(b, "name"), t.Name)
	b = bencode.AppendInt(bencode.AppendString(b, "piece length"), t.PieceLength)
	b = bencode.AppendString(bencode.AppendString(b, "pieces"), t.pieces)
	t.Info = append(b, 'e')
	t.InfoHash = sha1.Sum(t.Info)
	t.pieces = t.Info[len(t.Info)-1-len(t.pieces) : len(t.Info)-1]
}
