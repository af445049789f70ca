package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/preview"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// DefaultData says where the data is when nothing else is said.
const DefaultData = "/var/lib/tubelet for root, ~/.local/share/tubelet for others"

// Session is an open channel.
type Session struct {
	Data  string
	Store *store.Store
	Site  wire.Site
}

// DataDir returns the absolute path of the data directory.
func (a *App) DataDir() (string, error) {
	dir := a.Data
	if dir == "" {
		dir = a.Getenv("TUBELET_DATA")
	}
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/lib/tubelet"
	}
	// The XDG Base Directory Specification asks to ignore a relative path here.
	if xdg := a.Getenv("XDG_DATA_HOME"); dir == "" && filepath.IsAbs(xdg) {
		dir = filepath.Join(xdg, "tubelet")
	}
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", exit.Usagef("there is no home directory to keep data in: add --data DIR")
		}
		dir = filepath.Join(home, ".local", "share", "tubelet")
	}
	return filepath.Abs(dir)
}

// Open opens the channel to change it, after an upgrade of the database where it needs
// one. The caller closes it.
func (a *App) Open(ctx context.Context) (*Session, error) { return a.openBy(ctx, openOwned) }

// openOwned opens the store for its owner alone: the service could not use what root makes.
func openOwned(ctx context.Context, file string) (*store.Store, error) {
	if err := exit.Owned(filepath.Dir(file)); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, file)
	// An upgrade copies the database first: on a full disk the ballast makes room for that.
	if data := filepath.Dir(file); err != nil && disk.Full(data, err) && disk.DropBallast(data) {
		return store.Open(ctx, file)
	}
	return s, err
}

// Look opens the channel for a command that changes nothing, not even what belongs to it.
func (a *App) Look(ctx context.Context) (*Session, error) { return a.openBy(ctx, store.OpenReadOnly) }

func (a *App) openBy(ctx context.Context, open func(context.Context, string) (*store.Store, error)) (*Session, error) {
	data, err := a.DataDir()
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if vault.CutShort(data) {
		return nil, exit.Hint(fmt.Errorf("restoring a backup into %s was cut short", data), "Bring it to its end: tubelet restore DIR")
	}
	if isBackup(data) {
		return nil, exit.Hint(store.Errorf(store.ErrInvalid, "%s is a backup, which opening it would change", data),
			"Restore it to another folder first: tubelet --data OTHER restore %s", data)
	}
	file := filepath.Join(data, "tubelet.db")
	// Opening would make an empty database where there is none.
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, &exit.NoChannelError{Data: data}
	} else if err != nil {
		return nil, fmt.Errorf("look for the database: %w", err)
	}
	db, err := open(ctx, file)
	if err != nil {
		return nil, err
	}
	channel, err := db.Channel(ctx)
	if err != nil {
		db.Close()
		if errors.Is(err, store.ErrNotFound) {
			return nil, &exit.NoChannelError{Data: data}
		}
		return nil, err
	}
	p2p, err := db.Setting(ctx, "p2p")
	if err != nil {
		db.Close()
		return nil, err
	}
	return &Session{Data: data, Store: db, Site: wire.Site{Data: data, Channel: channel, P2P: p2p, Preview: previews(data)}}, nil
}

// isBackup reports whether data is the folder of a backup. Even looking into its database
// writes to it, and then its checksum is no longer that of the manifest.
func isBackup(data string) bool {
	if _, err := os.Lstat(filepath.Join(data, "manifest.json")); err != nil {
		return false
	}
	_, err := vault.Find(data)
	return err == nil || errors.Is(err, store.ErrNewer)
}

// previews makes preview addresses, reading the key only when there is something to hide.
// Without a readable key, which serve makes when it is gone, there are none: that must not
// keep a list from being shown.
func previews(data string) func(string) string {
	return func(id string) string {
		keys, err := preview.Load(data)
		if err != nil {
			return ""
		}
		return keys.Address(id)
	}
}

// Close lets go of the database.
func (s *Session) Close() { _ = s.Store.Close() } // every commit is durable already

// Maker returns what makes renditions, as the settings say.
func (s *Session) Maker(ctx context.Context, log *slog.Logger) (*media.Maker, error) {
	maker := media.New(media.Config{Log: log})
	return maker, work.Tune(ctx, s.Store, maker)
}

// Worker returns what publishes and changes videos. It logs nothing: a command tells its
// errors itself, and what a job did wrong is in its row.
func (s *Session) Worker(ctx context.Context) (*work.Worker, error) {
	return s.WorkerWith(ctx, func(*media.Maker) {})
}

// WorkerWith does the same, with something else said of the making for this run.
func (s *Session) WorkerWith(ctx context.Context, said func(*media.Maker)) (*work.Worker, error) {
	maker, err := s.Maker(ctx, nil)
	if err != nil {
		return nil, err
	}
	said(maker)
	return work.New(work.Config{Data: s.Data, Store: s.Store, Media: maker}), nil
}

// Video loads the video with that id, or at that address, and says where ids are found when
// there is none.
func (s *Session) Video(ctx context.Context, word string) (store.Video, error) {
	v, err := s.Store.Video(ctx, videoID(s.Site.Channel, word))
	if errors.Is(err, store.ErrNotFound) {
		return v, exit.Hint(store.Errorf(store.ErrNotFound, "there is no video %q", word), "To see them all: tubelet ls")
	}
	return v, err
}

// WithWorker calls do with an open channel and its worker.
func (a *App) WithWorker(ctx context.Context, do func(*Session, *work.Worker) error) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := s.Worker(ctx)
	if err != nil {
		return err
	}
	return do(s, w)
}
