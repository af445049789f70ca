package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

const (
	spanBytes = 32 << 20        // asked for at once
	silence   = 2 * time.Minute // after which a source is given up
	maxBad    = 3               // pieces of one source that are not what they should be
)

var errBadPieces = errors.New("it sends other bytes than it should")

// begun is a file that is being fetched. Which pieces are there is told by their hashes
// alone, so nothing can be wrong about it after a crash.
type begun struct {
	torrent metainfo.Torrent
	file    *os.File
	have    []bool
	missing int
}

// take fetches a file, or what is missing of it, and puts it on the shelf. It stops after
// takeTime, which does not count the look at what is there: of a large file on a slow disk
// that may take as long.
func (m *Mirror) take(ctx context.Context, f File) error {
	if err := m.shelf.fits(f); err != nil {
		return fmt.Errorf("fetch %s: %w", f.Title, err)
	}
	t, source, err := m.readTorrent(ctx, f.Base, f.Torrent)
	if err != nil {
		return err
	}
	if t.InfoHash != f.hash || source != f.Source {
		delete(m.known, f.Torrent)
		return fmt.Errorf("fetch %s: its torrent has changed", f.Title)
	}
	b, err := begin(ctx, m.shelf.path(f.hash, ".part"), t)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", f.Title, err)
	}
	ctx, cancel := context.WithTimeout(ctx, takeTime)
	defer cancel()
	m.leech(ctx, f, b)
	for b.missing > 0 && err == nil {
		err = m.fetchSpan(ctx, f.Source, b)
	}
	if err = errors.Join(err, b.file.Sync(), b.file.Close()); err != nil {
		return fmt.Errorf("fetch %s from %s: %w", f.Title, f.Source, err)
	}
	if err := m.shelf.put(f, t); err != nil {
		return err
	}
	m.log.Info("file fetched", "video", f.Title, "infohash", f.hash, "bytes", f.Bytes)
	m.news(f.Base)
	return nil
}

// begin opens a .part and looks at what it has.
func begin(ctx context.Context, path string, t metainfo.Torrent) (*begun, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = file.Truncate(t.Length)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	b := &begun{torrent: t, file: file, have: make([]bool, t.Pieces()), missing: t.Pieces()}
	buf := make([]byte, t.PieceLength)
	for i := range b.have {
		offset, size := t.Piece(i)
		if offset >= info.Size() {
			break
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), file.Close())
		}
		if _, err := file.ReadAt(buf[:size], offset); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		b.note(i, t.Check(i, buf[:size]))
	}
	return b, nil
}

func (b *begun) note(i int, have bool) {
	if have && !b.have[i] {
		b.have[i] = true
		b.missing--
	}
}

// add writes a piece, if it is what it should be.
func (b *begun) add(i int, piece []byte) error {
	if !b.torrent.Check(i, piece) {
		return fmt.Errorf("piece %d: %w", i, errBadPieces)
	}
	offset, _ := b.torrent.Piece(i)
	if _, err := b.file.WriteAt(piece, offset); err != nil {
		return err
	}
	b.note(i, true)
	return nil
}

// gap returns the first run of missing pieces that one request should ask for.
func (b *begun) gap() (first, end int) {
	for b.have[first] {
		first++
	}
	for end = first; end < len(b.have) && !b.have[end]; end++ {
		if end > first && int64(end-first+1)*b.torrent.PieceLength > spanBytes && b.missing < len(b.have) {
			break
		}
	}
	return first, end
}

// fetchSpan fetches a run of pieces from the web seed. A home server lets viewers go before
// who asks for a whole file, so that is what is asked for at the start.
func (m *Mirror) fetchSpan(ctx context.Context, source string, b *begun) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	first, end := b.gap()
	from, _ := b.torrent.Piece(first)
	to, size := b.torrent.Piece(end - 1)
	to += size
	whole := first == 0 && end == len(b.have)
	header, want := "", http.StatusOK
	if !whole {
		header, want = fmt.Sprintf("bytes=%d-%d", from, to-1), http.StatusPartialContent
	}
	resp, err := m.ask(ctx, source, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want || resp.ContentLength != to-from {
		return fmt.Errorf("the server said %s and sends %d bytes where %d were asked for", resp.Status, resp.ContentLength, to-from)
	}
	bad := 0
	buf := make([]byte, b.torrent.PieceLength)
	for i := first; i < end; i++ {
		_, size := b.torrent.Piece(i)
		if _, err := io.ReadFull(alarmed{resp.Body, alarm}, buf[:size]); err != nil {
			return err
		}
		if err := b.add(i, buf[:size]); errors.Is(err, errBadPieces) && bad < maxBad {
			bad++
		} else if err != nil {
			return err
		}
	}
	if bad > 0 {
		return errBadPieces
	}
	return nil
}

// alarmed puts an alarm off while bytes come.
type alarmed struct {
	io.Reader
	alarm *time.Timer
}

// Read reads.
func (a alarmed) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.alarm.Reset(silence)
	}
	return n, err
}
