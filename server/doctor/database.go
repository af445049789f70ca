package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

const (
	longLog   = 64 << 20
	stuckFor  = 24 * time.Hour
	keyBits   = 2048
	oldBackup = 8 * 24 * time.Hour
)

// database is D09.
func database(ctx context.Context, w *world) Finding {
	if w.Store == nil {
		return notOpened(w.Opened)
	}
	if err := w.Store.Archive().Sound(ctx); err != nil && ctx.Err() == nil {
		return fail("The database is damaged: %v.", "Stop the server, keep a copy of the folder, and restore the last backup: tubelet restore.", err)
	} else if err != nil {
		return warn("Checking the database takes longer than there is time for here.", "Check it by itself: sqlite3 "+filepath.Join(w.Data, "tubelet.db")+" 'pragma quick_check'")
	}
	if info, err := os.Stat(filepath.Join(w.Data, "tubelet.db-wal")); err == nil && info.Size() > longLog {
		return warn("The database's log has grown to %s: something reads without end, or the disk is too slow.", "Restart the server: sudo systemctl restart tubelet", size(info.Size()))
	}
	return fine("whole")
}

func notOpened(err error) Finding {
	switch {
	case err == nil:
		return skip("it was not opened")
	case errors.Is(err, store.ErrOlder):
		return warn("The database is of an older version of Tubelet.", "Start the server: it upgrades it, and keeps a copy.")
	case errors.Is(err, store.ErrNewer):
		return fail("The database is of a newer version of Tubelet than this one.", "Install that version again.")
	}
	return fail("The database cannot be opened: %v.", "See D01 and D02. When it is damaged, restore the last backup: tubelet restore.", err)
}

// keys is D11. Whether others are shown the same key is D51.
func keys(_ context.Context, w *world) Finding {
	remedy := "Take them from a backup (the folder keys): a new key makes other servers doubt the channel for days."
	for _, name := range []string{"actor.pem", "preview.key"} {
		path := filepath.Join(w.Data, "keys", name)
		info, err := os.Stat(path)
		if err != nil {
			return fail("%v.", remedy, err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fail("%s can be read by other users of this machine.", "chmod 600 "+path, path)
		}
	}
	key, err := sign.Load(filepath.Join(w.Data, "keys", "actor.pem"))
	if err != nil {
		return fail("%v.", remedy, err)
	}
	if bits := key.N.BitLen(); bits < keyBits {
		return fail("The channel's key has %d bits: others refuse it.", "Write to the makers of Tubelet: it never made such a key.", bits)
	}
	return fine("there, private")
}

// jobs is D14.
func jobs(ctx context.Context, w *world) Finding {
	list, err := w.Store.Jobs(ctx, store.JobList{})
	if err != nil {
		return warn("%v.", "See D09.", err)
	}
	open, failed, oldest := 0, 0, w.Now()
	for _, j := range list {
		switch j.State {
		case store.JobFailed:
			failed++
		case store.JobQueued, store.JobWaiting, store.JobRunning:
			open++
			if j.UpdatedAt.Before(oldest) {
				oldest = j.UpdatedAt
			}
		}
	}
	switch {
	case failed > 0:
		return warn("%d failed.", "tubelet jobs shows why; tubelet jobs retry ID tries one again, tubelet jobs cancel ID gives it up.", failed)
	case open > 0 && w.Now().Sub(oldest) > stuckFor:
		return warn("One of %d has not gone on for %s.", "tubelet jobs shows what it waits for.", open, w.Now().Sub(oldest).Round(time.Hour))
	}
	return fine("%d open", open)
}

// backup is D15.
func backup(ctx context.Context, w *world) Finding {
	last, err := w.Store.Archive().Last(ctx)
	remedy := "Make one, best to another disk: tubelet backup /mnt/backup. To have it done: tubelet config set backup.dir /mnt/backup"
	switch {
	case err != nil:
		return warn("%v.", "See D09.", err)
	case !last.FailedAt.IsZero():
		return warn("The backup of %s failed: %s.", "Mend that and try: tubelet backup.", last.FailedAt.Format(time.DateTime), last.Reason)
	case last.At.IsZero():
		return warn("There never was a backup: with this disk everything would be gone.", remedy)
	}
	if f := lost(last.Folder); f.Level != OK {
		return f
	}
	switch {
	case w.Now().Sub(last.At) > oldBackup:
		return warn("The last backup is %d days old.", remedy, int(w.Now().Sub(last.At).Hours()/24))
	case vault.SameDisk(w.Data, last.Folder):
		return warn("The last backup, %s, is on the disk that holds the channel: it helps against mistakes, not when that disk dies.", remedy, last.Folder)
	}
	return fine("%s, in %s, on another disk", last.At.Format(time.DateTime), last.Folder)
}

// lost tells of the last backup when it is not where it was made: a disk that is not mounted
// is another matter than a backup that was removed.
func lost(folder string) Finding {
	dir := filepath.Dir(folder)
	_, err := os.Stat(folder)
	others, unseen := os.ReadDir(dir)
	switch {
	case err == nil:
		return fine("")
	case !errors.Is(err, os.ErrNotExist):
		return warn("The last backup, %s, cannot be looked at: %v.", "Run the doctor as the user that makes backups, or see to that disk.", folder, err)
	case errors.Is(unseen, os.ErrNotExist) || len(others) == 0:
		return warn("The folder of backups, %s, is missing or empty.", "Is its disk mounted? See findmnt and /etc/fstab, mount it, and try: tubelet backup.", dir)
	}
	return warn("The last backup, %s, is not there any more, and its folder is.", "Where it was removed on purpose, make another: tubelet backup.", folder)
}
