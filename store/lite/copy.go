package lite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Copy writes a consistent copy of the database at path, which may be in use, to a new file
// for its owner alone, durably. Who writes is not held up. The caller gives the file its
// name when it is whole.
func Copy(ctx context.Context, path, to string) error {
	db, err := Connect(path, 1, "")
	if err != nil {
		return err
	}
	defer db.Close()
	// SQLite writes into a file that is there and empty, and so keeps its mode.
	if err := Create(to); err != nil {
		return err
	}
	to, err = filepath.Abs(to)
	if err != nil {
		return err
	}
	// Nobody else knows the file, and file systems of other machines have no locks to take.
	if _, err := db.ExecContext(ctx, "vacuum into ?", fileURI(to)+"?nolock=1"); err != nil {
		return err
	}
	return flush(to)
}

// Backup copies the database at path to a file that is whole or not there.
func Backup(ctx context.Context, path, to string) error {
	part := to + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	defer os.Remove(part)
	if err := Copy(ctx, path, part); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return flush(filepath.Dir(to))
}

// Inspect opens a database file that nobody writes to, such as a copy, without writing the
// least thing beside it: the folder may be one that cannot be written to.
func Inspect(path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", fileURI(path)+"?mode=ro&immutable=1&_query_only=1&_defensive=1&_dqs=0")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// Sound returns an error unless every page of the database can be read and fits the others,
// and every row refers to one that is there.
func Sound(ctx context.Context, q Querier) error {
	said, err := All(ctx, q, Value[string], "pragma integrity_check(3)")
	if err != nil {
		return fmt.Errorf("check the database: %w", err)
	}
	if len(said) != 1 || said[0] != "ok" {
		return fmt.Errorf("the database is damaged: %q", said)
	}
	broken, err := One(ctx, q, Value[int], "select count(*) from pragma_foreign_key_check")
	if err == nil && broken > 0 {
		err = fmt.Errorf("%d rows refer to nothing", broken)
	}
	if err != nil {
		return fmt.Errorf("check the database: %w", err)
	}
	return nil
}

// Writable returns an error when the database lies on a disk that cannot be written to, as
// the kernel makes one after an error of the disk. SQLite says so late or never: it opens
// what it may only read, as long as a log lies beside it.
func Writable(path string) error {
	if errors.Is(unix.Access(filepath.Dir(path), unix.W_OK), unix.EROFS) {
		return errors.New("it lies on a disk that is read-only now, and has to be written to")
	}
	return nil
}

// Explain returns err with what SQLite does not say: which disk is full, and see Writable.
func Explain(path string, err error) error {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok && failed.Code()&0xff == lib.SQLITE_FULL || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk that holds %s is full: make room there and try again: %w", filepath.Dir(path), err)
	}
	if why := Writable(path); why != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	return err
}

// flush forces a file, or a folder's entries, to disk.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
