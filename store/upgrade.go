package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"

	"github.com/tubelet/tubelet/store/lite"
)

//go:embed schema.sql
var schema string

//go:embed upgrade3.sql
var fediverse string

// application marks our files in their header, "tube" in ASCII.
const application = 0x74756265

// upgrades returns the steps from each schema version to the next: the first leads from
// version 1 to version 2. The current version is one more than their number. A step is
// never changed once it was released. Foreign keys are checked only when all are done, so
// that a step may rebuild tables.
func upgrades() []string {
	return []string{sharing, fediverse, pinning}
}

// sharing leads from version 1 to version 2, which shares videos among their viewers.
const sharing = `
alter table videos add column p2p text not null default '' check (p2p in ('', 'on', 'ask', 'off'));
create index videos_p2p on videos (p2p) where p2p <> '';
alter table renditions add column pieces integer not null default 0;
create index renditions_infohash on renditions (infohash) where infohash <> '';
create table traffic (
  day   text    not null,
  way   text    not null,
  bytes integer not null,
  primary key (day, way)
) strict, without rowid;
create table figures (
  id    integer primary key check (id = 1),
  until integer not null,
  at    integer not null,
  told  text    not null check (json_valid(told))
) strict;
create table mirrors (
  id      text    primary key,
  name    text    not null,
  url     text    not null,
  refused integer not null check (refused in (0, 1)),
  seen_at integer not null
) strict, without rowid;
`

// pinning leads from version 3 to version 4, in which videos are pinned, comments quoted, and
// what the creator did with others' notes is found by whose they are.
const pinning = `
create table pins (
  video text    primary key references videos (id) on delete cascade,
  at    integer not null
) strict, without rowid;
create trigger pins_hidden after update of visibility, published_at on videos
when new.visibility <> 'public' or new.published_at is null begin
  delete from pins where video = new.id;
end;
create trigger news_pinned after insert on pins begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = new.video on conflict (video) do update set changes = changes + 1;
end;
create trigger news_unpinned after delete on pins begin
  insert into news (video, at, changes) select id, updated_at, 1 from videos where id = old.video on conflict (video) do update set changes = changes + 1;
end;
alter table told add column pinned integer not null default 0 check (pinned in (0, 1));
create index told_pinned on told (video) where pinned = 1;
alter table quotes add column comment integer references comments (id) on delete cascade;
create index quotes_actor on quotes (actor);
create index quotes_comment on quotes (comment) where comment is not null;
create index deeds_acct on deeds (acct);
create index deeds_host on deeds (host);
`

// prepare brings the file at path to the current version, a new one by schema, an old one
// by steps, in one transaction on a connection of its own. Of several processes that come
// at once one does it, and the others find it done.
func prepare(ctx context.Context, path, schema string, steps []string) error {
	if err := lite.Create(path); err != nil {
		return err
	}
	db, err := lite.Connect(path, 1, "&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()

	current := 1 + len(steps)
	if version, err := check(ctx, db, current); err != nil || version == current {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	version, err := check(ctx, tx, current) // again: it cannot change any more
	switch {
	case err != nil || version == current:
		return err
	case version == 0:
		_, err = tx.ExecContext(ctx, fmt.Sprintf("%s; pragma application_id = %d", schema, application))
	default:
		err = upgrade(ctx, tx, path, version, steps)
	}
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("pragma user_version = %d", current)); err != nil {
		return err
	}
	return tx.Commit()
}

// check returns the schema version of a database, 0 for an empty one. It refuses files
// that are not ours and those of versions above current.
func check(ctx context.Context, q lite.Querier, current int) (int, error) {
	var version, app, tables int
	_, err := lite.One(ctx, q, func(row lite.Scanner, _ *struct{}) error { return row.Scan(&version, &app, &tables) },
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

// upgrade copies the database and runs the steps that follow on version.
func upgrade(ctx context.Context, tx *sql.Tx, path string, version int, steps []string) error {
	if err := copyOld(ctx, path, version); err != nil {
		return fmt.Errorf("copy before upgrading: %w", err)
	}
	for i, step := range steps[version-1:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("upgrade to schema version %d: %w", version+i+1, err)
		}
	}
	broken, err := lite.One(ctx, tx, lite.Value[int], "select count(*) from pragma_foreign_key_check")
	if err == nil && broken > 0 {
		err = fmt.Errorf("%d rows refer to nothing", broken)
	}
	if err != nil {
		return fmt.Errorf("check references after upgrading: %w", err)
	}
	return nil
}

// copyOld copies the database to a file named after its version, which is whole or not
// there, and removes the copy of the upgrade before. The caller holds the write lock, which
// keeps other processes from this and from writing, and does not keep a connection of our
// own from reading.
func copyOld(ctx context.Context, path string, version int) error {
	to := fmt.Sprintf("%s.v%d", path, version)
	if err := lite.Backup(ctx, path, to); err != nil {
		return err
	}
	for old := 1; old < version; old++ {
		if err := os.Remove(fmt.Sprintf("%s.v%d", path, old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
