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
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
	lib "modernc.org/sqlite/lib"
)

// The errors that callers tell apart. They come wrapped: use errors.Is.
var (
	ErrNotFound = errors.New("not found")
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

// readers is how many reads run at once; more only queue for the same processor cores.
const readers = 4

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	writer *sql.DB  // one connection
	reader *sql.DB  // several, query_only
	ticker *sql.DB  // one connection that never changes, for DataVersion
	stmts  sync.Map // of the reader: SQL text to *sql.Stmt
}

// Open opens the database at path. It makes a new one, readable by its owner alone, when
// there is none, and upgrades an old one after a copy of it was made beside it, named
// after its version, such as tubelet.db.v1. A database of a newer version is ErrNewer.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := prepare(ctx, path, schema, upgrades()); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	s := &Store{}
	s.writer, err = connect(path, 1, "&_txlock=immediate&_pragma=foreign_keys(on)&_pragma=cache_size(-4000)")
	if err == nil {
		s.reader, err = connect(path, readers, "&_query_only=1&_pragma=cache_size(-2000)")
	}
	if err == nil {
		s.ticker, err = connect(path, 1, "&_query_only=1")
	}
	if err == nil {
		err = s.writer.PingContext(ctx)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return s, nil
}

// OpenReadOnly opens the database at path for looking into it, which changes nothing: one
// that is not there is not made, and one that would have to be upgraded first is ErrOlder.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// SQLite's own mode=ro could not tidy up its files when it is the last to close them.
	db, err := connect(path, readers, "&mode=rw&_query_only=1&_pragma=cache_size(-2000)")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	current := 1 + len(upgrades())
	version, err := check(ctx, db, current)
	if err == nil && version < current {
		err = ErrOlder
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(err, db.Close()))
	}
	return &Store{writer: db, reader: db, ticker: db}, nil
}

// connect returns a pool of up to n connections which stay open once they are.
//
// busy_timeout comes first, since setting the journal mode may have to wait for another
// process. synchronous is full: what a command has acknowledged survives a power cut.
func connect(path string, n int, options string) (*sql.DB, error) {
	const common = "_busy_timeout=10000&_defensive=1&_dqs=0&_journal_mode=wal&_synchronous=full" +
		"&_pragma=temp_store(memory)&_pragma=journal_size_limit(67108864)"
	db, err := sql.Open("sqlite", fileURI(path)+"?"+common+options)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// fileURI names a file for SQLite whatever characters are in its path.
func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// create makes an empty file for its owner alone; SQLite gives its companions (-wal, -shm)
// the same mode. A file that is there is left alone and never even opened, since closing
// any descriptor of a live database drops the locks that SQLite holds in this process.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// Close closes the database. The last process to close it folds the write-ahead log in.
func (s *Store) Close() error {
	var errs []error
	s.stmts.Range(func(_, v any) bool {
		errs = append(errs, v.(*sql.Stmt).Close())
		return true
	})
	for _, db := range []*sql.DB{s.ticker, s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// DataVersion returns a number that differs from the one before when any process, this
// one too, has committed since. It says nothing about how much has changed.
func (s *Store) DataVersion(ctx context.Context) (int64, error) {
	// SQLite counts per connection, and a connection whose query was interrupted is
	// thrown away, so a cancelled ctx must not reach it. The query takes microseconds.
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var n int64
	err := s.ticker.QueryRowContext(context.WithoutCancel(ctx), "pragma data_version").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read data version: %w", err)
	}
	return n, nil
}

// Maintain does what a database wants now and then: it forgets jobs that were done a
// month ago and folds the write-ahead log in.
//
// It does not let SQLite gather statistics (pragma optimize): those of a channel with three
// videos make it read whole tables, long after there are a thousand. Without them the plans
// are the same everywhere, and those that a test has looked at.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	_, err := s.writer.ExecContext(ctx, "delete from jobs where state = 'done' and updated_at < ?", stamp(now.AddDate(0, -1, 0)))
	if err != nil {
		return fmt.Errorf("forget old jobs: %w", err)
	}
	if _, err := s.writer.ExecContext(ctx, "pragma wal_checkpoint(passive)"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// SQLite returns the version of the SQLite in use.
func SQLite() string { return lib.SQLITE_VERSION }
