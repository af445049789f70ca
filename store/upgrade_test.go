package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// rawDB opens a database file without any of our machinery.
func rawDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := lite.Connect(path, 1, "&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, db *sql.DB, query string) int {
	t.Helper()
	n, err := lite.One(t.Context(), db, lite.Value[int], query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// describe says what a database is made of, in a form in which a table that an upgrade
// has altered equals one made whole.
func describe(t *testing.T, db *sql.DB) []string {
	t.Helper()
	queries := []string{
		`select format('table %s strict=%d rowid=%d', name, strict, not wr) from pragma_table_list where schema = 'main' order by name`,
		`select format('column %s.%s %s notnull=%d default=%s key=%d', t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk)
			from sqlite_schema t join pragma_table_xinfo(t.name) c where t.type = 'table' order by t.name, c.name`,
		`select format('reference %s.%s to %s.%s delete=%s', t.name, f."from", f."table", f."to", f.on_delete)
			from sqlite_schema t join pragma_foreign_key_list(t.name) f where t.type = 'table' order by 1`,
		`select format('%s %s: %s', type, name, sql) from sqlite_schema where type in ('index', 'trigger', 'view') order by name`,
		`select format('check %s', sql) from sqlite_schema where type = 'table' and sql like '%check%' order by name`,
		`select format('numbers of %s are given once', name) from sqlite_schema where type = 'table' and sql like '%autoincrement%' order by name`,
		`select format('version %d', user_version) from pragma_user_version`,
		`select format('application %d', application_id) from pragma_application_id`,
	}
	comment, space := regexp.MustCompile(`--[^\n]*`), regexp.MustCompile(`\s+`)
	checks := regexp.MustCompile(`(?i)check \((?:[^()\n]|\([^()\n]*\))*\)`)
	var out []string
	for _, q := range queries {
		lines, err := lite.All(t.Context(), db, lite.Value[string], q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			l = comment.ReplaceAllString(l, "")
			if rest, ok := strings.CutPrefix(l, "check "); ok {
				out = append(out, checks.FindAllString(rest, -1)...)
				continue
			}
			out = append(out, strings.TrimSpace(space.ReplaceAllString(l, " ")))
		}
	}
	return out
}

// Every schema that was ever released, with rows in it, comes out equal to a new database
// and keeps its rows.
func TestReleasedSchemasUpgrade(t *testing.T) {
	dumps, err := filepath.Glob("testdata/v*.sql")
	if err != nil || len(dumps) != 1+len(upgrades()) {
		t.Fatalf("there are %d frozen schemas for %d versions (%v)", len(dumps), 1+len(upgrades()), err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	if err := prepare(t.Context(), fresh, schema, upgrades()); err != nil {
		t.Fatal(err)
	}
	want := describe(t, rawDB(t, fresh))
	for _, dump := range dumps {
		t.Run(filepath.Base(dump), func(t *testing.T) {
			text, err := os.ReadFile(dump)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "tubelet.db")
			db := rawDB(t, path)
			execute(t, db, string(text))
			db.Close()

			s, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if d := cmp.Diff(want, describe(t, rawDB(t, path))); d != "" {
				t.Errorf("upgraded differs from fresh (-fresh +upgraded):\n%s", d)
			}
			checkFrozenRows(t, s)
		})
	}
}

// checkFrozenRows looks at the rows that every dump holds.
func checkFrozenRows(t *testing.T, s *Store) {
	t.Helper()
	c, err := s.Channel(t.Context())
	if err != nil || c.Name != "The Small Workshop" {
		t.Errorf("channel %+v, %v", c, err)
	}
	v, err := s.Video(t.Context(), "h7k2m9qxw4")
	if err != nil || len(v.Media.Renditions) != 1 || len(v.Captions) != 1 || len(v.Chapters) != 2 || v.Comments != 2 {
		t.Errorf("video %+v, %v", v, err)
	}
	if _, n, err := s.Videos(t.Context(), List{Query: "dovetails"}); err != nil || n != 1 {
		t.Errorf("the search finds %d, %v", n, err)
	}
	if thread, n, err := s.Comments(t.Context(), v.ID, 0, 10); err != nil || n != 1 || len(thread) != 2 || thread[1].ID != 2 || thread[1].Parent != 1 || thread[1].HTML != "<p>Yes</p>" {
		t.Errorf("comments %+v, %d, %v", thread, n, err)
	}
	checkNumbers(t, s, v.ID)
	if jobs, err := s.Jobs(t.Context(), JobList{Open: true}); err != nil || len(jobs) != 1 {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
}

// checkNumbers asks that a comment which is removed takes its number with it: it is in an
// address that other servers keep as that of something removed.
func checkNumbers(t *testing.T, s *Store, video string) {
	t.Helper()
	before := 0
	for range 2 {
		id, _, err := s.Social().AddComment(t.Context(), social.Comment{Video: video, Name: "W", HTML: "<p>x</p>", State: social.Shown, PublishedAt: time.Now()})
		if err == nil {
			err = s.Social().RemoveComment(t.Context(), id)
		}
		if err != nil || int(id) <= before {
			t.Errorf("a comment has the number %d after %d, %v", id, before, err)
		}
		before = int(id)
	}
}

// A chain of versions as it may look one day, to prove the machinery before it is needed.
const (
	oldSchema = `create table cats (name text primary key) strict; create table owners (cat text references cats (name)) strict`
	newSchema = oldSchema + `; alter table cats add column lives integer not null default 9`
)

func steps() []string {
	return []string{
		`alter table cats add column age integer not null default 0`,
		`alter table cats drop column age; alter table cats add column lives integer not null default 9`,
	}
}

func TestUpgradeChain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "old.db")
	if err := prepare(t.Context(), path, oldSchema, nil); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, path)
	execute(t, db, `insert into cats (name) values ('Tom')`)
	if err := prepare(t.Context(), path, newSchema, steps()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, `select lives from cats where name = 'Tom'`); n != 9 {
		t.Errorf("Tom has %d lives", n)
	}
	fresh := filepath.Join(dir, "fresh.db")
	if err := prepare(t.Context(), fresh, newSchema, steps()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(describe(t, rawDB(t, fresh)), describe(t, db)); d != "" {
		t.Errorf("upgraded differs from fresh:\n%s", d)
	}

	// The copy is the old database, and as private as it.
	info, err := os.Stat(path + ".v1")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v, %v", info, err)
	}
	copied := rawDB(t, path+".v1")
	if n := number(t, copied, "pragma user_version"); n != 1 {
		t.Errorf("the copy is of version %d", n)
	}
	if n := number(t, copied, "select count(*) from cats where name = 'Tom'"); n != 1 {
		t.Error("the copy has lost Tom")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	// Once more: nothing to do, no further copy.
	os.Remove(path + ".v1")
	if err := prepare(t.Context(), path, newSchema, steps()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".v1"); !errors.Is(err, os.ErrNotExist) {
		t.Error("a copy was made without an upgrade")
	}
}

func TestFailedUpgradeChangesNothing(t *testing.T) {
	tests := []struct{ name, step string }{
		{"syntax", `alter table cats add column age integer; nonsense`},
		{"broken reference", `delete from cats`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "old.db")
			if err := prepare(t.Context(), path, oldSchema, nil); err != nil {
				t.Fatal(err)
			}
			db := rawDB(t, path)
			execute(t, db, `insert into cats (name) values ('Tom'); insert into owners (cat) values ('Tom')`)
			before := describe(t, db)
			if err := prepare(t.Context(), path, newSchema, []string{test.step}); err == nil {
				t.Fatal("the upgrade succeeded")
			}
			if d := cmp.Diff(before, describe(t, db)); d != "" {
				t.Errorf("changed:\n%s", d)
			}
			if n := number(t, db, "select count(*) from cats"); n != 1 {
				t.Error("Tom is gone")
			}
		})
	}
}

func TestRefusedFiles(t *testing.T) {
	tests := []struct {
		name, sql string
		want      error
	}{
		{"newer", fmt.Sprintf("create table x (y); pragma application_id = %d; pragma user_version = 99", application), ErrNewer},
		{"of another program", "create table x (y)", nil},
		{"of another program, newer", "create table x (y); pragma user_version = 99", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			db := rawDB(t, path)
			execute(t, db, test.sql)
			before := describe(t, db)
			s, err := Open(t.Context(), path)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if errors.Is(err, ErrNewer) != (test.want == ErrNewer) {
				t.Errorf("got %v", err)
			}
			if d := cmp.Diff(before, describe(t, db)); d != "" {
				t.Errorf("changed:\n%s", d)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil {
		t.Error("a text file was opened")
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "folder.db")); err == nil {
		t.Error("a file in no folder was opened")
	}
}

// The first `publish` and the first `serve` may start at the same moment.
func TestManyOpenTheFirstTime(t *testing.T) {
	for name, prior := range map[string]func(string) error{
		"new": func(string) error { return nil },
		"old": func(path string) error { return prepare(context.Background(), path, oldSchema, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if err := prior(path); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if err := prepare(t.Context(), path, newSchema, steps()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := number(t, rawDB(t, path), "pragma user_version"); n != 3 {
				t.Errorf("version %d", n)
			}
			if name == "old" && number(t, rawDB(t, path+".v1"), "pragma user_version") != 1 {
				t.Error("the copy is not of version 1")
			}
		})
	}
}

// modernc.org/sqlite is tested with exactly one version of modernc.org/libc; a newer one,
// which `go get -u` would choose, may corrupt memory.
func TestLibcIsTheOneOfSQLite(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite").Output()
	if err != nil {
		t.Fatalf("find modernc.org/sqlite: %v", err)
	}
	version := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)^\s*(?:require )?modernc\.org/libc (v\S+)`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s names no libc", path)
		}
		return string(found[1])
	}
	if ours, theirs := version("../go.mod"), version(strings.TrimSpace(string(out))); ours != theirs {
		t.Errorf("go.mod asks for modernc.org/libc %s, modernc.org/sqlite for %s", ours, theirs)
	}
}
