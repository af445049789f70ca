package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// undo collects how to take back what was done, and takes it back last first.
type undo struct{ steps []func() error }

func (u *undo) add(step func() error) { u.steps = append(u.steps, step) }

// remove takes path and what is in it away again.
func (u *undo) remove(path string) {
	u.add(func() error { return os.RemoveAll(path) })
}

// mkdirAll makes dir and the missing folders above it, as private folders, whatever the
// umask says, and takes away again those which it made.
func (u *undo) mkdirAll(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("a file is in the way")}
		}
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := u.mkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return nil // somebody else was first: it is theirs
	} else if err != nil {
		return err
	}
	u.add(func() error {
		err := os.Remove(dir)
		if errors.Is(err, syscall.ENOTEMPTY) {
			return nil // somebody else has put something there
		}
		return ignoreMissing(err)
	})
	return os.Chmod(dir, 0o700)
}

func (u *undo) run() error {
	var errs []error
	for _, step := range slices.Backward(u.steps) {
		errs = append(errs, step())
	}
	return errors.Join(errs...)
}
