// Package vault makes backups of a channel while it is served, checks them and restores
// them. It changes nothing in a data directory but by Restore, and nothing in the folder of
// backups but what it has made itself.
//
//	DIR/tubelet-HOST-20261231-235959/   a backup: whole, or not there
//	  manifest.json                     what is in it, and how each file's content is known
//	  tubelet.db keys/ tls/ channel/    copies
//	  videos/                           hard links where the file system can, else copies
//	DIR/.tubelet-HOST-….part/           in the making, or left by a kill
//
// Files of videos never change, so a link to one is as good as a copy: replacing or removing
// a video takes its name away and not its bytes.
package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// Config says what to back up, and where.
type Config struct {
	Data  string       // the data directory
	Store *store.Store // open
	Dir   string       // the folder of all backups

	// Keep is how many backups of this channel are kept in Dir, this one among them. With 0
	// none is removed.
	Keep int

	// Unattended is for backups that nobody looks on. Dir must be there, and must hold an
	// earlier backup where there was one: what is missing is most likely not mounted, and
	// what is written there would fill another disk.
	Unattended bool

	Report func(Progress)   // nil for nobody
	Log    *slog.Logger     // nil discards
	Now    func() time.Time // nil is time.Now
}

// Progress is how far a backup, a check or a restoring has come.
type Progress struct {
	Stage   string
	Percent float64
}

// Result is a backup that was made.
type Result struct {
	Folder  string // where it lies
	Files   int
	Bytes   int64 // of all files
	Linked  int64 // bytes that take no room, since they are links to what was there
	Cloned  int64 // bytes that share room with the original until one of them changes
	Copied  int64 // bytes that were written
	Removed []string
	Took    time.Duration

	SameDisk bool // the disk that holds the channel holds the backup too
	Open     bool // others may read it: the file system of Dir keeps no permissions

	Missing    []Problem // what the channel lacks of itself, with an *IncompleteError
	Unrecorded bool      // the database could not be written to, and nothing old was removed
}

// PlaceError says that a folder cannot be what it was named for. It is store.ErrInvalid.
type PlaceError struct{ Dir, Why string }

func (e *PlaceError) Error() string { return e.Dir + " " + e.Why }

// Is makes errors.Is(err, store.ErrInvalid) true.
func (e *PlaceError) Is(target error) bool { return target == store.ErrInvalid }

// SpaceError says which disk is full.
type SpaceError struct {
	Dir          string
	Needed, Free int64 // Needed is 0 when that is not known
}

func (e *SpaceError) Error() string {
	if e.Needed == 0 {
		return fmt.Sprintf("the disk that holds %s is full: make room there and try again", e.Dir)
	}
	return fmt.Sprintf("the disk that holds %s has %d MB free and this needs about %d MB: make room there and try again",
		e.Dir, e.Free/1e6, e.Needed/1e6)
}

// ErrBusy means that another backup of this channel is being made.
var ErrBusy = store.Errorf(store.ErrExists, "another backup of this channel is being made")

// full names the disk of dir when it is what err comes from.
func full(dir string, err error) error {
	var told *SpaceError
	if err == nil || errors.As(err, &told) || !disk.Full(dir, err) {
		return err
	}
	return &SpaceError{Dir: dir}
}

// lock makes sure that one backup of a channel is made at a time.
func lock(data string) (*disk.Lock, error) {
	l, err := disk.TryLock(filepath.Join(data, "backup.lock"))
	if errors.Is(err, disk.ErrLocked) {
		return nil, ErrBusy
	}
	return l, err
}

// place makes dir ready to hold backups and returns its real path.
func (cfg *Config) place() (string, error) {
	inside, err := Inside(cfg.Dir, cfg.Data)
	if err != nil {
		return "", fmt.Errorf("look for the folder for backups: %w", err)
	}
	there, rest, err := deepest(cfg.Dir)
	if err != nil {
		return "", fmt.Errorf("look for the folder for backups: %w", err)
	}
	dir := filepath.Join(there, rest)
	if inside {
		return "", &PlaceError{cfg.Dir, "lies in the data directory: what loses the one loses the other. Choose a folder elsewhere, best on another disk"}
	}
	if rest != "" && cfg.Unattended {
		return "", &PlaceError{cfg.Dir, "is not there: is its disk mounted?"}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder for backups: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, manifestName)); err == nil {
		return "", &PlaceError{cfg.Dir, "is a backup itself: name the folder that holds them"}
	}
	return dir, nil
}

// Inside reports whether a folder, which need not be there yet, lies in a data directory.
func Inside(dir, data string) (bool, error) {
	data, err := realPath(data)
	if err != nil {
		return false, err
	}
	there, rest, err := deepest(dir)
	return err == nil && within(filepath.Join(there, rest), data), err
}

// deepest returns the real path of the innermost folder of path that is there, and the rest.
func deepest(path string) (there, rest string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	for {
		there, err = filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return there, rest, err
		}
		path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
	}
}

// realPath returns an absolute path without links in it.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// within reports whether path is dir or lies in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
