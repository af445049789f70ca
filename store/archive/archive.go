// Package archive is what the database knows of its own copies: when the last backup was
// made and where it lies, how a consistent copy is made while others write, and what has to
// change in a copy before it is served again. It shares the database with package store.
package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Archive is the part of an open database that is about its copies.
type Archive struct{ db *lite.DB }

// New returns the part of db.
func New(db *lite.DB) *Archive { return &Archive{db} }

// Last is the last backup that came to its end, and what went wrong since.
type Last struct {
	At       time.Time // when it was begun, zero when there never was one
	Took     time.Duration
	Folder   string // its own folder, not that of all
	Bytes    int64  // of all its files
	Files    int
	FailedAt time.Time // of the last try, zero when that went well
	Reason   string    // of that failure
}

// Last returns the last backup.
func (a *Archive) Last(ctx context.Context) (Last, error) {
	var found []Last
	err := a.db.Read(ctx, func(q lite.Querier) (err error) {
		found, err = lite.All(ctx, q, scanLast, "select at, took, folder, bytes, files, failed_at, reason from backups where id = 1")
		return err
	})
	if err != nil {
		return Last{}, fmt.Errorf("load the last backup: %w", err)
	}
	if len(found) == 0 {
		return Last{}, nil
	}
	return found[0], nil
}

func scanLast(row lite.Scanner, l *Last) error {
	return row.Scan((*lite.Stamp)(&l.At), (*lite.Span)(&l.Took), &l.Folder, &l.Bytes, &l.Files, (*lite.Stamp)(&l.FailedAt), &l.Reason)
}

// Made records a backup.
func (a *Archive) Made(ctx context.Context, l Last) error {
	return a.write(ctx, `insert into backups (id, at, took, folder, bytes, files, failed_at, reason) values (1, ?, ?, ?, ?, ?, null, '')
		on conflict (id) do update set at = excluded.at, took = excluded.took, folder = excluded.folder,
		bytes = excluded.bytes, files = excluded.files, failed_at = null, reason = ''`,
		lite.Stamp(l.At), lite.Span(l.Took), l.Folder, l.Bytes, l.Files)
}

// Failed records that a backup was not made.
func (a *Archive) Failed(ctx context.Context, at time.Time, reason string) error {
	return a.write(ctx, `insert into backups (id, at, took, folder, bytes, files, failed_at, reason) values (1, null, 0, '', 0, 0, ?, ?)
		on conflict (id) do update set failed_at = excluded.failed_at, reason = excluded.reason`, lite.Stamp(at), reason)
}

func (a *Archive) write(ctx context.Context, query string, args ...any) error {
	err := a.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("record a backup: %w", err)
	}
	return nil
}

// These are by how much numbers jump in a restored database. What was given after the copy
// was made is in caches of browsers and on other servers, in addresses that hold for ever:
// no number may be given again.
const (
	revisions = 1000 // of each video
	comments  = 100_000
)

// Restored makes a copy fit to be served in place of the channel that it was made of.
func (a *Archive) Restored(ctx context.Context) error {
	err := a.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "update videos set latest = latest + ?", revisions); err != nil {
			return err
		}
		// SQLite makes the row with the first comment.
		_, err := tx.ExecContext(ctx, "insert into sqlite_sequence (name, seq) select 'comments', 0 where not exists (select 1 from sqlite_sequence where name = 'comments')")
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "update sqlite_sequence set seq = seq + ? where name = 'comments'", comments)
		return err
	})
	if err != nil {
		return fmt.Errorf("prepare a restored database: %w", err)
	}
	return nil
}

// Copy writes a consistent copy of the database to a new file. Who writes is not held up.
func (a *Archive) Copy(ctx context.Context, to string) error {
	if err := lite.Copy(ctx, a.db.Path(), to); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// Sound returns an error when the database is damaged.
func (a *Archive) Sound(ctx context.Context) error {
	return a.db.Read(ctx, func(q lite.Querier) error { return lite.Sound(ctx, q) })
}

// Check returns the schema version of a database file that nobody writes to, after looking
// through the whole of it. One that is damaged is an error.
func Check(ctx context.Context, path string) (version int, err error) {
	db, err := lite.Inspect(path)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	version, err = lite.One(ctx, db, lite.Value[int], "select user_version from pragma_user_version")
	if err == nil {
		err = lite.Sound(ctx, db)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return version, nil
}
