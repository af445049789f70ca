// Package disk keeps what the work on videos asks of the file system: files that survive a
// power cut, locks that die with their process, and a disk that may be full.
//
// A file becomes real in this order: written beside its place, synced, renamed, its folder
// synced. Until the rename there is nothing to see, and after it the file is whole.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Sync makes a file's bytes, or a folder's names, survive a power cut.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// SyncTree syncs every file under dir and then every folder, inner ones first.
func SyncTree(dir string) error {
	var folders []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			folders = append(folders, path)
			return nil
		}
		return Sync(path)
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		err = Sync(folders[i])
	}
	return err
}

// Move renames a synced folder to its final place, durably.
func Move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return Sync(filepath.Dir(to))
}

// Place gives a synced file its final name, durably, replacing what an earlier try may
// have left there. The old name stays as a second link where the file system can, so that
// a stop before the row is committed costs no work. At no moment is there less than a whole
// file under a name that had one.
func Place(from, to string) error {
	link := to + ".part"
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, link) != nil {
		link = from
	}
	if err := os.Rename(link, to); err != nil {
		return err
	}
	// Between two links of one file, rename does nothing: POSIX wants it so.
	if link != from {
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return Sync(filepath.Dir(to))
}

// WriteFile writes a new file that survives a power cut once its folder is synced.
func WriteFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
