package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
)

// File is one rendition on the shelf.
type File struct {
	Base      string    `json:"base"` // of its channel
	Video     string    `json:"video"`
	Title     string    `json:"title"`
	Torrent   string    `json:"torrent"` // address of the .torrent
	Source    string    `json:"source"`  // address of the file itself
	Bytes     int64     `json:"bytes"`
	Published time.Time `json:"published"`

	hash metainfo.Hash
}

// shelf is the folder of whole files. What was checked when it came is not checked again:
// who gets it does.
type shelf struct {
	dir  string
	free func(dir string) (int64, error) // bytes of its disk

	mu    sync.Mutex
	files map[metainfo.Hash]File
}

func openShelf(dir string) (*shelf, error) {
	s := &shelf{dir: dir, free: freeBytes}
	return s, s.load()
}

func (s *shelf) path(h metainfo.Hash, ext string) string {
	return filepath.Join(s.dir, h.String()+ext)
}

// load reads what is there.
func (s *shelf) load() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("read the mirror's shelf: %w", err)
	}
	files := map[metainfo.Hash]File{}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".mp4")
		h, err := metainfo.ParseHash(name)
		if !ok || err != nil {
			continue
		}
		text, err := os.ReadFile(s.path(h, ".json"))
		var f File
		if err == nil {
			err = json.Unmarshal(text, &f)
		}
		info, statErr := entry.Info()
		if err != nil || statErr != nil || info.Size() != f.Bytes {
			continue // it is fetched again
		}
		f.hash = h
		files[h] = f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = files
	return nil
}

// list returns the files, the newest first.
func (s *shelf) list() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]File, 0, len(s.files))
	for _, f := range s.files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b File) int {
		if c := b.Published.Compare(a.Published); c != 0 {
			return c
		}
		return strings.Compare(a.hash.String(), b.hash.String())
	})
	return list
}

func (s *shelf) has(h metainfo.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.files[h]
	return ok
}

// offered returns the file of a torrent's address.
func (s *shelf) offered(base, address string) (File, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.Torrent == address && f.Base == base {
			return f, true
		}
	}
	return File{}, false
}

func (s *shelf) hashes() []metainfo.Hash {
	files := s.list()
	hashes := make([]metainfo.Hash, 0, len(files))
	for _, f := range files {
		hashes = append(hashes, f.hash)
	}
	return hashes
}

// share returns what the seed needs to give a file away.
func (s *shelf) share(h metainfo.Hash) (peer.Share, error) {
	if !s.has(h) {
		return peer.Share{}, fmt.Errorf("share %s: %w", h, fs.ErrNotExist)
	}
	text, err := os.ReadFile(s.path(h, ".torrent"))
	if err != nil {
		return peer.Share{}, fmt.Errorf("share %s: %w", h, err)
	}
	t, err := metainfo.Parse(text)
	if err == nil && t.InfoHash != h {
		err = errors.New("the .torrent is another's")
	}
	if err != nil {
		return peer.Share{}, fmt.Errorf("share %s: %w", h, err)
	}
	return peer.Share{Torrent: t, Path: s.path(h, ".mp4")}, nil
}

// put makes a fetched file one of the shelf.
func (s *shelf) put(f File, t metainfo.Torrent) error {
	err := writeFile(s.path(f.hash, ".torrent"), t.Encode(nil, nil))
	if err == nil {
		err = writeJSON(s.path(f.hash, ".json"), f)
	}
	if err == nil {
		err = os.Rename(s.path(f.hash, ".part"), s.path(f.hash, ".mp4"))
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", f.hash, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[f.hash] = f
	return nil
}

// remove deletes a file and what belongs to it.
func (s *shelf) remove(h metainfo.Hash) error {
	s.mu.Lock()
	delete(s.files, h)
	s.mu.Unlock()
	var errs []error
	for _, ext := range []string{".mp4", ".part", ".json", ".torrent"} {
		if err := os.Remove(s.path(h, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// fits reports an error if the rest of a file would fill the disk. What has come of it is
// on the disk already.
func (s *shelf) fits(f File) error {
	free, err := s.free(s.dir)
	if err != nil {
		return fmt.Errorf("look at the mirror's disk: %w", err)
	}
	if rest := f.Bytes - min(onDisk(s.path(f.hash, ".part")), f.Bytes); free-rest < diskReserve {
		return fmt.Errorf("the %d bytes that are missing of it would fill the disk", rest)
	}
	return nil
}

// freeBytes returns the bytes of a folder's disk that are free for us.
func freeBytes(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil
}

// onDisk returns the bytes that a file takes. A begun one has its full length from the start,
// and room on the disk only for what has come.
func onDisk(path string) int64 {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return 0
	}
	return int64(stat.Blocks) * 512 // the unit of stat(2), whatever the file system has
}

// unseen returns the begun files that are none of those found, and the bytes that they take:
// while a home can't be asked, what was begun of its files is kept for a while.
func (s *shelf) unseen(found []candidate) (hashes map[metainfo.Hash]bool, bytes int64, err error) {
	parts, err := filepath.Glob(filepath.Join(s.dir, "*.part"))
	if err != nil {
		return nil, 0, err
	}
	hashes = map[metainfo.Hash]bool{}
	for _, part := range parts {
		h, err := metainfo.ParseHash(strings.TrimSuffix(filepath.Base(part), ".part"))
		info, statErr := os.Stat(part)
		if err != nil || statErr != nil || time.Since(info.ModTime()) > unseenTime {
			continue
		}
		if !slices.ContainsFunc(found, func(c candidate) bool { return c.hash == h }) {
			hashes[h] = true
			bytes += onDisk(part)
		}
	}
	return hashes, bytes, nil
}

// tidy deletes begun files that are no longer wanted.
func (s *shelf) tidy(wanted map[metainfo.Hash]bool) error {
	parts, err := filepath.Glob(filepath.Join(s.dir, "*.part"))
	if err != nil {
		return err
	}
	var errs []error
	for _, part := range parts {
		h, err := metainfo.ParseHash(strings.TrimSuffix(filepath.Base(part), ".part"))
		if err != nil || !wanted[h] {
			errs = append(errs, os.Remove(part))
		}
	}
	return errors.Join(errs...)
}
