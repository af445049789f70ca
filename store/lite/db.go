// Package lite is how this program speaks with SQLite: one connection that writes, a
// few that read one snapshot each with compiled statements, and the few lines that turn
// rows into values. It knows no table but "settings", in which it counts the commits that
// visitors may see.
package lite

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
)

// Readers is how many reads run at once; more only queue for the same processor cores.
const Readers = 4

// closeTime is how long Close waits for what was cut short. Longer takes only what somebody
// forgot to close.
const closeTime = 5 * time.Second

// DB is an open database. Its methods may be called from any goroutine.
type DB struct {
	path   string
	writer *sql.DB  // one connection
	reader *sql.DB  // several, query_only
	ticker *sql.DB  // one connection that never changes, for DataVersion
	stmts  sync.Map // of the reader: SQL text to *sql.Stmt
}

// Open opens the database at path, which is there and up to date.
func Open(ctx context.Context, path string) (*DB, error) {
	db := &DB{path: path}
	var err error
	db.writer, err = Connect(path, 1, "&_txlock=immediate&_pragma=foreign_keys(on)&_pragma=cache_size(-4000)")
	if err == nil {
		db.reader, err = Connect(path, Readers, "&_query_only=1&_pragma=cache_size(-2000)")
	}
	if err == nil {
		db.ticker, err = Connect(path, 1, "&_query_only=1")
	}
	if err == nil {
		err = db.writer.PingContext(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// New returns a database on pools that are open: of one connection that writes, of several
// that read, and of one that never changes. They may be the same.
func New(writer, reader, ticker *sql.DB) *DB {
	return &DB{writer: writer, reader: reader, ticker: ticker}
}

// Path returns where the database lies, empty where New was not told.
func (db *DB) Path() string { return db.path }

// Connect returns a pool of up to n connections which stay open once they are.
//
// busy_timeout comes first, since setting the journal mode may have to wait for another
// process. synchronous is full: what a command has acknowledged survives a power cut.
func Connect(path string, n int, options string) (*sql.DB, error) {
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

// Create makes an empty file for its owner alone; SQLite gives its companions (-wal, -shm)
// the same mode. A file that is there is left alone and never even opened, since closing
// any descriptor of a live database drops the locks that SQLite holds in this process.
func Create(path string) error {
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
func (db *DB) Close() error {
	var errs []error
	db.stmts.Range(func(_, v any) bool {
		errs = append(errs, v.(*sql.Stmt).Close())
		return true
	})
	for _, pool := range []*sql.DB{db.ticker, db.reader, db.writer} {
		if pool != nil {
			errs = append(errs, pool.Close())
			settle(pool)
		}
	}
	return errors.Join(errs...)
}

// settle waits until a closed pool has no connection left. Package sql rolls back what was
// cut short by its context in the background, and closes that connection only afterwards:
// until then the file is open, and its log is not folded in.
func settle(pool *sql.DB) {
	for end := time.Now().Add(closeTime); pool.Stats().OpenConnections > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// Rest gives back the memory that connections hold for the next query: those that read are
// closed where they are idle, and opened again when they are wanted.
func (db *DB) Rest(ctx context.Context) error {
	db.reader.SetMaxIdleConns(0)
	db.reader.SetMaxIdleConns(Readers)
	return db.Exec(ctx, "pragma shrink_memory")
}

// DataVersion returns a number that differs from the one before when any process, this
// one too, has committed since. It says nothing about how much has changed.
func (db *DB) DataVersion(ctx context.Context) (int64, error) {
	// SQLite counts per connection, and a connection whose query was interrupted is
	// thrown away, so a cancelled ctx must not reach it. The query takes microseconds.
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var n int64
	err := db.ticker.QueryRowContext(context.WithoutCancel(ctx), "pragma data_version").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read data version: %w", err)
	}
	return n, nil
}

// Exec runs a statement outside of a transaction, such as a checkpoint.
func (db *DB) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := db.writer.ExecContext(ctx, statement, args...)
	return err
}
