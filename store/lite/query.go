package lite

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

// ErrNotFound means that there is no such row.
var ErrNotFound = errors.New("not found")

// Write runs f in one transaction, and counts it when it has changed anything: see
// ContentVersion.
func (db *DB) Write(ctx context.Context, f func(*sql.Tx) error) error {
	return db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		changed, err := Changing(ctx, tx, f)
		if err != nil || !changed {
			return err
		}
		return CountContent(ctx, tx)
	})
}

// Changing runs f within a transaction and reports whether it has changed anything.
func Changing(ctx context.Context, tx *sql.Tx, f func(*sql.Tx) error) (bool, error) {
	before, err := One(ctx, tx, Value[int64], "select total_changes()")
	if err != nil {
		return false, err
	}
	if err := f(tx); err != nil {
		return false, err
	}
	after, err := One(ctx, tx, Value[int64], "select total_changes()")
	return after > before, err
}

// CountContent counts a transaction that changes what visitors see: see ContentVersion.
func CountContent(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `insert into settings (key, value) values ('content', '1')
		on conflict (key) do update set value = cast(value + 1 as text)`)
	return err
}

// ContentVersion returns a number that differs from the one before when any process, this
// one too, has since committed what visitors may see: everything but jobs, whose progress
// is written every second or so while a video is made.
func (db *DB) ContentVersion(ctx context.Context) (int64, error) {
	// Not on a reader: a page must not wait for searches to know that it is still good. As
	// in DataVersion, a cancelled ctx must not reach the connection.
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := One(context.WithoutCancel(ctx), db.ticker, Value[int64],
		"select coalesce((select cast(value as integer) from settings where key = 'content'), 0)")
	if err != nil {
		return 0, fmt.Errorf("read content version: %w", err)
	}
	return n, nil
}

// WriteQuietly runs f, which changes nothing that visitors see, in one transaction that holds the write lock
// from its beginning, so that what f reads cannot change before it writes.
func (db *DB) WriteQuietly(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Read runs f on one snapshot of the database.
func (db *DB) Read(ctx context.Context, f func(Querier) error) error {
	tx, err := db.reader.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	snap := &snapshot{tx: tx, db: db}
	err = f(snap)
	if e := tx.Rollback(); err == nil && e != nil && !errors.Is(e, sql.ErrTxDone) {
		err = e
	}
	if err == nil {
		err = snap.keep(ctx)
	}
	return err
}

// Querier is what can answer a query: a snapshot or a writing transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// snapshot is a reading transaction that uses compiled statements, since compiling takes
// longer than running for most of them.
type snapshot struct {
	tx    *sql.Tx
	db    *DB
	fresh []string // texts that were not compiled yet
}

// QueryContext runs a query, compiled when it was seen before.
func (s *snapshot) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt, ok := s.db.stmts.Load(query); ok {
		return s.tx.StmtContext(ctx, stmt.(*sql.Stmt)).QueryContext(ctx, args...)
	}
	s.fresh = append(s.fresh, query)
	return s.tx.QueryContext(ctx, query, args...)
}

// keep compiles what was new. It comes after the transaction: compiling takes a connection,
// and transactions that each hold one and wait for another would wait forever.
func (s *snapshot) keep(ctx context.Context) error {
	for _, query := range s.fresh {
		stmt, err := s.db.reader.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		if _, there := s.db.stmts.LoadOrStore(query, stmt); there {
			stmt.Close()
		}
	}
	return nil
}

// Scanner is a row, from *sql.Rows or *sql.Row.
type Scanner interface{ Scan(dest ...any) error }

// All returns the rows of a query.
func All[T any](ctx context.Context, q Querier, scan func(Scanner, *T) error, query string, args ...any) ([]T, error) {
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

// One returns the only row of a query, or ErrNotFound.
func One[T any](ctx context.Context, q Querier, scan func(Scanner, *T) error, query string, args ...any) (T, error) {
	list, err := All(ctx, q, scan, query, args...)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return list[0], nil
}

// Value scans a row of one column.
func Value[T any](row Scanner, t *T) error { return row.Scan(t) }

// Changed runs a statement that must change a row, and returns ErrNotFound when it does not.
func Changed(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
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

// Taken reports whether err says that a row with the same key exists.
func Taken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// Stamp is a time as the database holds it: milliseconds, null for the zero time.
type Stamp time.Time

// Value implements driver.Valuer.
func (t Stamp) Value() (driver.Value, error) {
	if time.Time(t).IsZero() {
		return nil, nil
	}
	return time.Time(t).UnixMilli(), nil
}

// Scan implements sql.Scanner.
func (t *Stamp) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = Stamp{}
	case int64:
		*t = Stamp(time.UnixMilli(v).UTC())
	default:
		return fmt.Errorf("a time is %T in the database", src)
	}
	return nil
}

// Span is a duration as the database holds it: milliseconds.
type Span time.Duration

// Value implements driver.Valuer.
func (d Span) Value() (driver.Value, error) { return time.Duration(d).Milliseconds(), nil }

// Scan implements sql.Scanner.
func (d *Span) Scan(src any) error {
	v, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a duration is %T in the database", src)
	}
	*d = Span(time.Duration(v) * time.Millisecond)
	return nil
}
