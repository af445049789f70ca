package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// Keeper makes backups by itself, as the settings backup.dir, backup.every and backup.keep
// say. They are read each time, so a change holds at once.
type Keeper struct {
	Data  string
	Store *store.Store
	Log   *slog.Logger

	// tried is what came of our own last try, for when the database cannot be written to:
	// without it one would be made each minute.
	tried archive.Last
}

const (
	lookEvery  = time.Minute     // whether a backup is due
	retryAfter = time.Hour       // after one that failed, or less where they are more frequent
	wrongClock = 5 * time.Minute // a backup that lies further in the future was made under a wrong clock
)

// Run makes backups until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		_, err := k.RunOnce(ctx, time.Now().Round(0)) // by the wall, like what the database keeps: a laptop sleeps
		if lacking, ok := errors.AsType[*IncompleteError](err); ok {
			k.Log.Error("backup made of a channel that is not whole", "folder", lacking.Folder, "err", err)
		} else if err != nil && ctx.Err() == nil {
			k.Log.Error("backup not made", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// RunOnce makes a backup when one is due at now, and reports whether it did. It is not for
// two at a time.
func (k *Keeper) RunOnce(ctx context.Context, now time.Time) (bool, error) {
	dir, err := k.Store.Setting(ctx, "backup.dir")
	if err != nil || dir == "" {
		return false, err
	}
	every, keep, err := k.settings(ctx)
	if err != nil {
		return false, err
	}
	last, err := k.Store.Archive().Last(ctx)
	if err != nil || !due(last, now, every) || !due(k.tried, now, every) {
		return false, err
	}
	result, err := Make(ctx, Config{
		Data: k.Data, Store: k.Store, Dir: dir, Keep: keep, Unattended: true, Log: k.Log,
		Now: func() time.Time { return now },
	})
	if errors.Is(err, ErrBusy) {
		return false, nil // somebody makes one right now
	}
	if result.Folder != "" {
		k.tried = archive.Last{At: now} // also one that lacks something: each takes room
	} else {
		k.tried.FailedAt = now
	}
	if err != nil {
		return false, err
	}
	k.Log.Info("backup made", "folder", result.Folder, "files", result.Files, "bytes", result.Bytes, "took", result.Took)
	return true, nil
}

func (k *Keeper) settings(ctx context.Context) (every time.Duration, keep int, err error) {
	text, err := k.Store.Setting(ctx, "backup.every")
	if err != nil {
		return 0, 0, err
	}
	if every, err = store.ParseInterval(text); err != nil {
		return 0, 0, fmt.Errorf("read setting backup.every: %w", err)
	}
	if text, err = k.Store.Setting(ctx, "backup.keep"); err != nil {
		return 0, 0, err
	}
	if keep, err = strconv.Atoi(text); err != nil {
		return 0, 0, fmt.Errorf("read setting backup.keep: %w", err)
	}
	return every, keep, nil
}

// due reports whether a backup is to be made. A clock that was wrong for a while must not
// put the next one off until then, nor may a failing disk be tried each minute.
func due(last archive.Last, now time.Time, every time.Duration) bool {
	passed := func(at time.Time, d time.Duration) bool {
		return at.IsZero() || now.Sub(at) >= d || at.Sub(now) > wrongClock
	}
	return passed(last.At, every) && passed(last.FailedAt, min(retryAfter, every))
}
