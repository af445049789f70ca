package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed schema.sql
var schema string

// application marks our files in their header, "tube" in ASCII.
const application = 0x74756265

// upgrades returns the steps from each schema version to the next: the first leads from
// version 1 to version 2. The current version is one more than their number. A step is
// never changed once it was released; each runs in one transaction, with foreign keys
// unchecked until its end, so that tables may be rebuilt.
func upgrades() []string {
	return []string{}
}

// prepare brings the file at path to the current version: a new one from schema, an old
// one by steps. It works on a connection of its own and leaves none open.
func prepare(ctx context.Context, path, schema string, steps []string) error {
	if err := create(path); err != nil {
		return err
	}
	db, err := connect(path, 1, "_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()

	current := 1 + len(steps)
	version, err := check(ctx, db, current)
	if err != nil || version == current {
		return err
	}
	if version == 0 {
		return fill(ctx, db, schema, current)
	}
	if err := backup(ctx, db, version, fmt.Sprintf("%s.v%d", path, version)); err != nil {
		return fmt.Errorf("copy before upgrading: %w", err)
	}
	for ; version < current; version++ {
		if err := upgrade(ctx, db, version, steps[version-1]); err != nil {
			return fmt.Errorf("upgrade schema to version %d: %w", version+1, err)
		}
	}
	return nil
}

// check returns the schema version of a database, 0 for an empty one. It refuses files
// that are not ours and those of versions above current.
func check(ctx context.Context, q querier, current int) (int, error) {
	var version, app, tables int
	_, err := one(ctx, q, func(row scanner, _ *struct{}) error { return row.Scan(&version, &app, &tables) },
		`select (select user_version from pragma_user_version),
		(select application_id from pragma_application_id), (select count(*) from sqlite_schema)`)
	switch {
	case err != nil:
		return 0, err
	case version == 0 && app == 0 && tables == 0:
		return 0, nil
	case app != application:
		return 0, errors.New("this is a database of another program")
	case version > current:
		return 0, fmt.Errorf("schema version %d, this program knows %d: %w", version, current, ErrNewer)
	}
	return version, nil
}

// fill makes the tables of a new database, unless another process was faster.
func fill(ctx context.Context, db *sql.DB, schema string, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if now, err := check(ctx, tx, version); err != nil || now == version {
		return err
	}
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("pragma application_id = %d; pragma user_version = %d", application, version))
	if err != nil {
		return err
	}
	return tx.Commit()
}

// upgrade runs one step, unless another process was faster.
func upgrade(ctx context.Context, db *sql.DB, from int, step string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var now int
	if err := tx.QueryRowContext(ctx, "pragma user_version").Scan(&now); err != nil || now > from {
		return err
	}
	if _, err := tx.ExecContext(ctx, step); err != nil {
		return err
	}
	var broken int
	if err := tx.QueryRowContext(ctx, "select count(*) from pragma_foreign_key_check").Scan(&broken); err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("%d rows refer to nothing", broken)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("pragma user_version = %d", from+1)); err != nil {
		return err
	}
	return tx.Commit()
}

// backup writes a consistent copy of a database of the given version to a file.
func backup(ctx context.Context, db *sql.DB, version int, path string) error {
	part := fmt.Sprintf("%s.%d.part", path, os.Getpid())
	defer os.Remove(part)
	// SQLite writes into an empty file, and so keeps its mode.
	if err := create(part); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "vacuum into ?", part); err != nil {
		return err
	}
	// Another process may have upgraded in the meantime; its copy is the good one then.
	if now, err := versionOf(ctx, part); err != nil || now != version {
		return err
	}
	if err := flush(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return flush(filepath.Dir(path))
}

// versionOf returns the schema version of a file that is not live.
func versionOf(ctx context.Context, path string) (int, error) {
	db, err := sql.Open("sqlite", fileURI(path)+"?mode=ro")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return one(ctx, db, value[int], "pragma user_version")
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
