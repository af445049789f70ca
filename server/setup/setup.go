// Package setup makes a data directory: folders, keys, database, settings, ballast.
//
// Its promise is all or nothing. Everything is made in <data>/.init and renamed into
// place, the database last, so a directory with a tubelet.db is whole; and whatever goes
// wrong before that, nothing of ours is left, not even a folder that was not there.
//
//	data/               0700
//	  tubelet.db        the channel and the first settings
//	  keys/actor.pem    RSA 2048, PKCS #8: signs what the channel sends; permanent
//	  keys/preview.key  secret of the preview addresses of drafts
//	  channel/ videos/ work/
//	  ballast           64 MiB to give back when the disk is full
package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/tubelet/tubelet/store"
)

// Config says what channel to make, and where.
type Config struct {
	Data   string // the directory: missing, or empty
	Domain string // host name; with Local any host or host:port. Permanent
	Handle string // local part of @handle@domain. Permanent
	Name   string // shown name
	Local  bool   // plain http: for trying out
}

const staging = ".init"

// parts are what stands in a fresh data directory, in the order in which it gets there.
var parts = []string{"keys", "channel", "videos", "work", "ballast", "tubelet.db"}

// Check returns store.ErrInvalid when no channel can be of this configuration.
func (cfg Config) Check() error {
	_, err := cfg.channel()
	return err
}

// Create makes the data directory and returns its channel. It returns store.ErrExists
// when there is one already, and store.ErrInvalid when the configuration cannot be.
func Create(ctx context.Context, cfg Config) (store.Channel, error) {
	channel, err := cfg.channel()
	if err != nil {
		return store.Channel{}, err
	}
	undo := &undo{}
	if err := create(ctx, cfg.Data, channel, undo); err != nil {
		return store.Channel{}, errors.Join(err, undo.run())
	}
	return channel, nil
}

func create(ctx context.Context, data string, channel store.Channel, undo *undo) error {
	if err := undo.mkdirAll(data); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := refuseUsed(data); err != nil {
		return err
	}
	stage := filepath.Join(data, staging)
	lock, err := claim(stage)
	if err != nil {
		return err
	}
	defer lock.Close()
	undo.remove(stage)
	// Another init may have come to its end between the look and the lock.
	if err := refuseUsed(data); err != nil {
		return err
	}
	if err := clear(data, stage); err != nil {
		return err
	}
	if err := build(ctx, stage, channel); err != nil {
		return err
	}
	return install(ctx, data, stage, undo)
}

// refuseUsed returns an error unless data is empty, or holds only what an init left that
// was killed.
func refuseUsed(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return fmt.Errorf("look into the data directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if slices.Contains(names, "tubelet.db") {
		return store.Errorf(store.ErrExists, "%s holds a channel already", data)
	}
	for _, name := range names {
		killed := slices.Contains(names, staging) && slices.Contains(parts, name)
		// A file system of its own has lost+found in its root.
		if !killed && name != staging && name != "lost+found" {
			return store.Errorf(store.ErrExists, "%s is not empty, it holds %q", data, name)
		}
	}
	return nil
}

// claim makes the staging folder ours for as long as the returned file is open, so that of
// two inits at once one is told about the other.
func claim(stage string) (*os.File, error) {
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return nil, fmt.Errorf("make the staging folder: %w", err)
	}
	dir, err := os.Open(stage)
	if err != nil {
		return nil, fmt.Errorf("open the staging folder: %w", err)
	}
	if syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !inPlace(dir, stage) {
		dir.Close()
		return nil, store.Errorf(store.ErrExists, "another init is at work in %s", filepath.Dir(stage))
	}
	return dir, nil
}

// inPlace reports whether dir is still what path names, and not the removed folder of an
// init that has just ended.
func inPlace(dir *os.File, path string) bool {
	ours, err := dir.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

// clear removes what an init left that was killed between its first and last rename.
func clear(data, stage string) error {
	for _, dir := range []string{data, stage} {
		for _, part := range parts {
			if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
				return fmt.Errorf("clear what an earlier init left: %w", err)
			}
		}
	}
	return nil
}

// install moves the parts into place. From the database's rename on the channel exists.
func install(ctx context.Context, data, stage string, undo *undo) error {
	info, err := os.Stat(data)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if err := os.Chmod(data, 0o700); err != nil {
		return fmt.Errorf("close the data directory to others: %w", err)
	}
	undo.add(func() error { return ignoreMissing(os.Chmod(data, info.Mode().Perm())) })
	for _, part := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := filepath.Join(data, part)
		undo.remove(to)
		if err := os.Rename(filepath.Join(stage, part), to); err != nil {
			return fmt.Errorf("move %s into place: %w", part, err)
		}
	}
	if err := syncDir(data); err != nil {
		return err
	}
	return os.Remove(stage)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
