package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/store"
)

// Staged is a unit beside its place, so that it is known to fit before anything else is made,
// and stands there only when all went well.
type Staged struct{ from, to string }

// StageUnit prepares a unit for path. No path means none. One that is there and says the same
// is left, another is store.ErrExists.
func StageUnit(path, text string) (*Staged, error) {
	if path == "" {
		return &Staged{}, nil
	}
	old, err := os.ReadFile(path)
	if err == nil && string(old) == text {
		return &Staged{}, nil
	}
	if err == nil {
		return nil, store.Errorf(store.ErrExists, "%s is there already and says something else: move it away, or name another with --systemd=FILE", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("write the unit: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tubelet-")
	if err != nil {
		return nil, fmt.Errorf("write the unit: %w", err)
	}
	s := &Staged{f.Name(), path}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		s.Drop()
		return nil, fmt.Errorf("write the unit: %w", err)
	}
	return s, nil
}

// Keep puts the unit into its place.
func (s *Staged) Keep() error {
	if s.from == "" {
		return nil
	}
	if err := os.Rename(s.from, s.to); err != nil {
		return fmt.Errorf("write the unit: %w", err)
	}
	s.from = ""
	return nil
}

// Drop takes away what was not kept.
func (s *Staged) Drop() {
	if s.from != "" {
		_ = os.Remove(s.from) // what stays is a hidden file of a few lines
	}
}
