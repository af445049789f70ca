// Package proof says of a file what is known about its bytes, and checks it.
//
// A video of some gigabytes was hashed when it was published and when its torrent was made,
// so nothing is read a second time just to write down a checksum: a File says how its
// content is known, and Check finds the proof where that says. It knows no database and
// changes nothing. Reading is done on a thread that stands back for all other work.
package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// How the content of a file is known.
const (
	Read     = "read"     // its SHA-256, read when it was written down
	Earlier  = "earlier"  // its SHA-256, from the backup before, and the file is the same since
	Store    = "store"    // its SHA-256, from the database: what the creator published
	Torrent  = "torrent"  // the hashes of its pieces, in the torrent that lies beside it
	Infohash = "infohash" // it is a torrent, whose infohash the database has
	Name     = "name"     // the first eight digits of its SHA-256 are a part of its name
	Size     = "size"     // nothing but its size
)

// File is one file and what is known about it.
type File struct {
	Path     string    `json:"path"` // with slashes, from the folder of all
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Known    string    `json:"known"`
	SHA256   string    `json:"sha256,omitempty"`
	Infohash string    `json:"infohash,omitempty"`
}

// Ways a file can be wrong.
var (
	ErrMissing = errors.New("it is not there")
	ErrSize    = errors.New("it has another size")
	ErrRotten  = errors.New("its content is not what it was")
	ErrKind    = errors.New("it is no plain file")
)

// Bad reports whether err says that a file is wrong, rather than that it could not be looked at.
func Bad(err error) bool {
	for _, kind := range []error{ErrMissing, ErrSize, ErrRotten, ErrKind} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Digest returns the digits of a file's SHA-256 that its name ends in, such as those of
// "poster-1a2b3c4d.jpg", empty where there are none.
func Digest(name string) string {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	i := strings.LastIndexByte(stem, '-')
	if digits := stem[i+1:]; i > 0 && len(digits) == 8 && strings.Trim(digits, "0123456789abcdef") == "" {
		return digits
	}
	return ""
}

// TorrentOf returns the name of the torrent of a rendition.
func TorrentOf(name string) string { return strings.TrimSuffix(name, path.Ext(name)) + ".torrent" }

// Look checks all of f but its content: that it is a plain file of its size.
func Look(root *os.Root, f File) error {
	info, err := root.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrMissing
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return ErrKind
	case info.Size() != f.Bytes:
		return fmt.Errorf("%w: %d bytes, not %d", ErrSize, info.Size(), f.Bytes)
	}
	return nil
}

// Check checks f as a whole. read is told how many bytes were read, as they are.
func Check(ctx context.Context, root *os.Root, f File, read func(int64)) error {
	if err := Look(root, f); err != nil || f.Known == Size {
		return err
	}
	file, err := root.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	switch f.Known {
	case Torrent:
		return checkPieces(ctx, root, f, file, read)
	case Infohash:
		return checkTorrent(file, f)
	}
	sum, err := Sum(ctx, file, read)
	if err != nil {
		return err
	}
	want := f.SHA256
	if f.Known == Name {
		want = Digest(f.Path)
	}
	if want == "" || !strings.HasPrefix(sum, want) {
		return fmt.Errorf("%w: its SHA-256 is %s", ErrRotten, sum)
	}
	return nil
}

// Sum returns the SHA-256 of a file.
func Sum(ctx context.Context, f *os.File, read func(int64)) (string, error) {
	h := sha256.New()
	if err := stream(ctx, f, read, func(b []byte) { h.Write(b) }); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

const bite = 1 << 20

// stream reads a file to its end and leaves nothing of it in the memory that the system
// keeps for what is wanted often.
func stream(ctx context.Context, f *os.File, read func(int64), each func([]byte)) error {
	buf := make([]byte, bite)
	var at int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(f, buf)
		each(buf[:n])
		read(int64(n))
		forget(f, at, int64(n))
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read after %d bytes: %w", at, err)
		}
	}
}

// Metainfo reads the torrent beside a rendition.
func Metainfo(root *os.Root, name string) (metainfo.Torrent, error) {
	file, err := root.Open(TorrentOf(name))
	if err != nil {
		return metainfo.Torrent{}, err
	}
	defer file.Close()
	return parse(file)
}

// parse reads a torrent, of a size that makes sense.
func parse(file io.Reader) (metainfo.Torrent, error) {
	text, err := io.ReadAll(io.LimitReader(file, 16<<20))
	if err != nil {
		return metainfo.Torrent{}, err
	}
	return metainfo.Parse(text)
}

func checkTorrent(file io.Reader, f File) error {
	t, err := parse(file)
	if errors.Is(err, metainfo.ErrBad) {
		return fmt.Errorf("%w: %w", ErrRotten, err)
	}
	if err == nil && t.InfoHash.String() != f.Infohash {
		return fmt.Errorf("%w: its infohash is %s", ErrRotten, t.InfoHash)
	}
	return err
}

// NoTorrentError means that a file's pieces cannot be checked, since their hashes are gone.
type NoTorrentError struct{ Err error }

func (e *NoTorrentError) Error() string { return "its torrent cannot be read: " + e.Err.Error() }

// Unwrap returns what is wrong with the torrent.
func (e *NoTorrentError) Unwrap() error { return e.Err }

// checkPieces holds a file against the torrent beside it.
func checkPieces(ctx context.Context, root *os.Root, f File, file *os.File, read func(int64)) error {
	t, err := Metainfo(root, f.Path)
	if err == nil && t.InfoHash.String() != f.Infohash {
		err = fmt.Errorf("it has another infohash, %s", t.InfoHash)
	}
	if err != nil {
		return &NoTorrentError{err}
	}
	if t.Length != f.Bytes {
		return fmt.Errorf("%w: its torrent says %d bytes", ErrSize, t.Length)
	}
	return against(ctx, t, file, func(at, n int64) {
		read(n)
		forget(file, at, n)
	})
}

// against holds a film against the pieces of its torrent. What cannot be read is tried once
// more when all else was: a disk that stuttered says nothing about the film. When a part of
// it cannot be read even then, that part is lost; when nothing can, the disk is away, and the
// film may be well.
func against(ctx context.Context, t metainfo.Torrent, film io.ReaderAt, done func(at, n int64)) error {
	var bad, unread []int
	var failed error
	buf := make([]byte, t.PieceLength)
	look := func(i int) error {
		at, size := t.Piece(i)
		if _, err := film.ReadAt(buf[:size], at); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read at %d: %w", at, err)
		}
		if !t.Check(i, buf[:size]) {
			bad = append(bad, i)
		}
		return nil
	}
	for i := range t.Pieces() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if look(i) != nil {
			unread = append(unread, i)
		}
		done(t.Piece(i))
	}
	lost := 0
	for _, i := range slices.Backward(unread) {
		if failed = look(i); failed != nil {
			lost++
		}
	}
	switch {
	case len(bad) > 0:
		at, _ := t.Piece(slices.Min(bad))
		return fmt.Errorf("%w: %d of %d pieces, the first at byte %d", ErrRotten, len(bad)+lost, t.Pieces(), at)
	case lost == t.Pieces():
		return failed
	case lost > 0:
		return fmt.Errorf("%w: %d of %d pieces cannot be read: %w", ErrRotten, lost, t.Pieces(), failed)
	}
	return nil
}
