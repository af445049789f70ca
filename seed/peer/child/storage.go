package child

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

var (
	errReadOnly  = errors.New("published files are never written")
	errNoStorage = errors.New("a torrent came without its file")
)

// noStorage is the client's own storage: every torrent brings one.
type noStorage struct{}

func (noStorage) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{}, errNoStorage
}

// published is a whole file as the storage of one torrent. It is read with pread(2) and
// nothing else: no mapping, which a 32-bit machine has no room for and a file cut short
// would turn into a SIGBUS.
type published struct{ file *os.File }

// openPublished opens path, which must be a file of size bytes.
func openPublished(path string, size int64) (published, error) {
	file, err := os.Open(path)
	if err != nil {
		return published{}, err
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != size) {
		err = fmt.Errorf("%s is not a file of %d bytes", path, size)
	}
	if err != nil {
		_ = file.Close()
		return published{}, err
	}
	return published{file}, nil
}

// OpenTorrent implements storage.ClientImpl.
func (p published) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{
		Piece: func(piece metainfo.Piece) storage.PieceImpl {
			return publishedPiece{p.file, piece.Offset()}
		},
		NewReader: func() storage.TorrentReader { return publishedReader{p.file} },
		Close:     p.file.Close,
	}, nil
}

// publishedReader reads across pieces.
type publishedReader struct{ *os.File }

// Close leaves the file open for the next reader.
func (publishedReader) Close() error { return nil }

// publishedPiece is one piece, always complete: it was hashed when it was published, and
// whoever gets it checks it again.
type publishedPiece struct {
	file   *os.File
	offset int64
}

func (p publishedPiece) ReadAt(b []byte, off int64) (int, error) {
	return p.file.ReadAt(b, p.offset+off)
}

func (publishedPiece) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }
func (publishedPiece) MarkComplete() error                { return nil }
func (publishedPiece) MarkNotComplete() error             { return nil }
func (publishedPiece) Completion() storage.Completion {
	return storage.Completion{Ok: true, Complete: true}
}
