package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// write runs f in one transaction, and counts it when it has changed anything: see
// ContentVersion.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	return s.writeJobs(ctx, func(tx *sql.Tx) error {
		before, err := one(ctx, tx, value[int64], "select total_changes()")
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into settings (key, value) select 'content', '1' where total_changes() > ?
			on conflict (key) do update set value = cast(value + 1 as text)`, before)
		return err
	})
}

// ContentVersion returns a number that differs from the one before when any process, this
// one too, has since committed what visitors may see: everything but jobs, whose progress
// is written every second or so while a video is made.
func (s *Store) ContentVersion(ctx context.Context) (int64, error) {
	// Not on a reader: a page must not wait for searches to know that it is still good. As
	// in DataVersion, a cancelled ctx must not reach the connection.
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := one(context.WithoutCancel(ctx), s.ticker, value[int64],
		"select coalesce((select cast(value as integer) from settings where key = 'content'), 0)")
	if err != nil {
		return 0, fmt.Errorf("read content version: %w", err)
	}
	return n, nil
}

// writeJobs runs f, which changes jobs alone, in one transaction that holds the write lock
// from its beginning, so that what f reads cannot change before it writes.
func (s *Store) writeJobs(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// read runs f on one snapshot of the database.
func (s *Store) read(ctx context.Context, f func(querier) error) error {
	tx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	snap := &snapshot{tx: tx, store: s}
	err = f(snap)
	if e := tx.Rollback(); err == nil && e != nil && !errors.Is(e, sql.ErrTxDone) {
		err = e
	}
	if err == nil {
		err = snap.keep(ctx)
	}
	return err
}

// querier is what can answer a query: a snapshot or a writing transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// snapshot is a reading transaction that uses compiled statements, since compiling takes
// longer than running for most of them.
type snapshot struct {
	tx    *sql.Tx
	store *Store
	fresh []string // texts that were not compiled yet
}

// QueryContext runs a query, compiled when it was seen before.
func (s *snapshot) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt, ok := s.store.stmts.Load(query); ok {
		return s.tx.StmtContext(ctx, stmt.(*sql.Stmt)).QueryContext(ctx, args...)
	}
	s.fresh = append(s.fresh, query)
	return s.tx.QueryContext(ctx, query, args...)
}

// keep compiles what was new. It comes after the transaction: compiling takes a connection,
// and transactions that each hold one and wait for another would wait forever.
func (s *snapshot) keep(ctx context.Context) error {
	for _, query := range s.fresh {
		stmt, err := s.store.reader.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		if _, there := s.store.stmts.LoadOrStore(query, stmt); there {
			stmt.Close()
		}
	}
	return nil
}

// scanner is a row, from *sql.Rows or *sql.Row.
type scanner interface{ Scan(dest ...any) error }

// all returns the rows of a query.
func all[T any](ctx context.Context, q querier, scan func(scanner, *T) error, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var t T
		if err := scan(rows, &t); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// one returns the only row of a query, or ErrNotFound.
func one[T any](ctx context.Context, q querier, scan func(scanner, *T) error, query string, args ...any) (T, error) {
	list, err := all(ctx, q, scan, query, args...)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return list[0], nil
}

// value scans a row of one column.
func value[T any](row scanner, t *T) error { return row.Scan(t) }

// changed runs a statement that must change a row, and returns ErrNotFound when it does not.
func changed(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// change is changed as a transaction of its own, with what was tried in the error.
func (s *Store) change(ctx context.Context, what, query string, args ...any) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return changed(ctx, tx, query, args...) })
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// taken reports whether err says that a row with the same key exists.
func taken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// stamp is a time as the database holds it: milliseconds, null for the zero time.
type stamp time.Time

// Value implements driver.Valuer.
func (t stamp) Value() (driver.Value, error) {
	if time.Time(t).IsZero() {
		return nil, nil
	}
	return time.Time(t).UnixMilli(), nil
}

// Scan implements sql.Scanner.
func (t *stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = stamp{}
	case int64:
		*t = stamp(time.UnixMilli(v).UTC())
	default:
		return fmt.Errorf("a time is %T in the database", src)
	}
	return nil
}

// span is a duration as the database holds it: milliseconds.
type span time.Duration

// Value implements driver.Valuer.
func (d span) Value() (driver.Value, error) { return time.Duration(d).Milliseconds(), nil }

// Scan implements sql.Scanner.
func (d *span) Scan(src any) error {
	v, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a duration is %T in the database", src)
	}
	*d = span(time.Duration(v) * time.Millisecond)
	return nil
}
