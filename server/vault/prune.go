package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tubelet/tubelet/server/work/disk"
)

// Names of what is in the folder of backups.
const (
	prefix     = "tubelet-"
	partSuffix = ".part"
)

// prune removes the oldest backups of this channel until Keep are left. Only what is a
// folder, bears our name, and has a manifest that says that it is of this channel, by its key
// too, was found by List; the one just made is not among them. A backup that cannot be removed harms nobody.
func (b *backup) prune() {
	for i := 0; b.Keep > 0 && i < len(b.earlier)-(b.Keep-1); i++ {
		folder := b.earlier[i].Folder
		if err := removeBackup(folder); err != nil {
			b.Log.Warn("old backup not removed", "folder", folder, "err", err)
			continue
		}
		b.result.Removed = append(b.result.Removed, folder)
	}
}

// removeBackup removes a backup. It loses its name first, so that none is ever seen half.
func removeBackup(folder string) error {
	part := filepath.Join(filepath.Dir(folder), "."+filepath.Base(folder)+partSuffix)
	if err := os.Rename(folder, part); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(part), disk.Sync(filepath.Dir(folder)))
}

// clearDead removes what a killed backup of this channel has left. It is dead, since we hold
// the lock of the data directory.
func (b *backup) clearDead() error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	ours := "." + prefix + hostName(b.channel.Domain) + "-"
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(e.Name(), ours)
		stamp, whole := strings.CutSuffix(stamp, partSuffix)
		if !ok || !whole || !e.IsDir() || !isStamp(stamp) || !madeByUs(filepath.Join(b.dir, e.Name())) {
			continue
		}
		b.Log.Info("left-over backup removed", "path", filepath.Join(b.dir, e.Name()))
		if err := os.RemoveAll(filepath.Join(b.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// isStamp reports whether text is what follows the host's name: 20261231-235959, perhaps -2.
func isStamp(text string) bool {
	if len(text) < 15 || text[8] != '-' {
		return false
	}
	return strings.Trim(text, "0123456789-") == ""
}

// madeByUs reports whether a folder holds nothing but what a backup begins with.
func madeByUs(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	for _, e := range entries {
		name := e.Name()
		known := name == manifestName || strings.HasPrefix(name, databaseName)
		for _, f := range folders {
			known = known || name == f
		}
		if !known {
			return false
		}
	}
	return true
}
