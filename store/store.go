// Package store remembers: it owns tubelet.db, the plain structs that say what is in
// it, and all SQL. It does no other input or output and imports nothing of ours.
//
// The server and every command open the same SQLite file, in WAL mode, and meet in it.
// Each process has one writing connection, whose transactions take the write lock when
// they begin, and a few that only read. A method is one transaction; what must be true
// together is written by one method. schema.sql is the truth about the tables.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/tubelet/tubelet/store/archive"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// The errors that callers tell apart. They come wrapped: use errors.Is.
var (
	ErrNotFound = lite.ErrNotFound
	ErrExists   = errors.New("exists already")
	ErrInvalid  = errors.New("not valid")
	ErrNewer    = errors.New("written by a newer version of tubelet")
	ErrOlder    = errors.New("written by an older version of tubelet")
)

// DuplicateError says that a file was published before. It is ErrExists.
type DuplicateError struct{ ID string }

func (e *DuplicateError) Error() string { return "the same file is published already, as " + e.ID }

// Is makes errors.Is(err, ErrExists) true.
func (e *DuplicateError) Is(target error) bool { return target == ErrExists }

// Errorf returns an error of one of the kinds above that says the given sentence and nothing
// else: for people, who know that what is there already exists already.
func Errorf(kind error, format string, args ...any) error {
	return &told{fmt.Errorf(format, args...), kind}
}

type told struct {
	error
	kind error
}

func (e *told) Is(target error) bool { return target == e.kind }
func (e *told) Unwrap() error        { return e.error }

// Store is an open database. Its methods may be called from any goroutine.
type Store struct{ db *lite.DB }

// Open opens the database at path. It makes a new one, readable by its owner alone, when
// there is none, and upgrades an old one after a copy of it was made beside it, named
// after its version, such as tubelet.db.v1. A database of a newer version is ErrNewer.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := lite.Writable(path); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	if err := prepare(ctx, path, schema, upgrades()); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, lite.Explain(path, err))
	}
	db, err := lite.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, lite.Explain(path, err))
	}
	return &Store{db}, nil
}

// OpenReadOnly opens the database at path for looking into it, which changes nothing: one
// that is not there is not made, and one that would have to be upgraded first is ErrOlder.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// SQLite's own mode=ro could not tidy up its files when it is the last to close them.
	db, err := lite.Connect(path, lite.Readers, "&mode=rw&_query_only=1&_pragma=cache_size(-2000)")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	version, err := check(ctx, db, Version())
	if err == nil && version < Version() {
		err = ErrOlder
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(lite.Explain(path, err), db.Close()))
	}
	return &Store{lite.New(db, db, db)}, nil
}

// Close closes the database. The last process to close it folds the write-ahead log in.
func (s *Store) Close() error { return s.db.Close() }

// Rest gives back the memory that is held for the next query.
func (s *Store) Rest(ctx context.Context) error { return s.db.Rest(ctx) }

// DataVersion returns a number that differs from the one before when any process, this
// one too, has committed since. It says nothing about how much has changed.
func (s *Store) DataVersion(ctx context.Context) (int64, error) { return s.db.DataVersion(ctx) }

// ContentVersion returns a number that differs from the one before when any process, this
// one too, has since committed what visitors may see: everything but what is written
// quietly, such as the progress of jobs.
func (s *Store) ContentVersion(ctx context.Context) (int64, error) { return s.db.ContentVersion(ctx) }

// Social returns what this database remembers of the fediverse.
func (s *Store) Social() *social.Store { return social.New(s.db) }

// Archive returns what this database knows of its copies.
func (s *Store) Archive() *archive.Archive { return archive.New(s.db) }

// Inspect opens a copy of a database that nobody writes to, without writing the least thing
// beside it. One of another version than this program's is ErrOlder or ErrNewer.
func Inspect(ctx context.Context, path string) (*Store, error) {
	db, err := lite.Inspect(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	version, err := check(ctx, db, Version())
	if err == nil && version < Version() {
		err = ErrOlder
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(err, db.Close()))
	}
	return &Store{lite.New(db, db, db)}, nil
}

// Version returns the schema version that this program writes.
func Version() int { return 1 + len(upgrades()) }

// Maintain does what a database wants now and then: it forgets jobs that were done a
// month ago and folds the write-ahead log in.
//
// It does not let SQLite gather statistics (pragma optimize): those of a channel with three
// videos make it read whole tables, long after there are a thousand. Without them the plans
// are the same everywhere, and those that a test has looked at.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	err := s.db.Exec(ctx, "delete from jobs where state = 'done' and updated_at < ?", lite.Stamp(now.AddDate(0, -1, 0)))
	if err != nil {
		return fmt.Errorf("forget old jobs: %w", err)
	}
	if err := s.db.Exec(ctx, "pragma wal_checkpoint(passive)"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// Writable reports why the database takes no changes. It makes one and takes it back.
func (s *Store) Writable(ctx context.Context) error {
	taken := errors.New("taken back")
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "insert into settings (key, value) values ('writable', '') on conflict (key) do nothing")
		if err != nil {
			return err
		}
		return taken
	})
	if errors.Is(err, taken) {
		return nil
	}
	return err
}

// SQLite returns the version of the SQLite in use.
func SQLite() string { return lib.SQLITE_VERSION }

// change is changed as a transaction of its own, with what was tried in the error.
func (s *Store) change(ctx context.Context, what, query string, args ...any) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return lite.Changed(ctx, tx, query, args...) })
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
