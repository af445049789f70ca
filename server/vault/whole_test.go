package vault_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/store"
)

// A channel that lacks something is backed up all the same, and that is no success: it is
// recorded as a failure, the backup says what it lacks, and every older one stays.
func TestBackupOfAnIncompleteChannel(t *testing.T) {
	tests := []struct {
		name string
		path string // of what is harmed
		harm func(string) error
		want error
	}{
		{"no video", "videos/*/1/360p.mp4", os.Remove, proof.ErrMissing},
		{"a short video", "videos/*/1/360p.mp4", func(p string) error { return os.Truncate(p, 100_000) }, proof.ErrSize},
		{"no picture", "videos/*/1/poster-*.jpg", os.Remove, proof.ErrMissing},
		{"no key", "keys/actor.pem", os.Remove, proof.ErrMissing},
		{"a key that is none", "keys/actor.pem", func(p string) error { return os.WriteFile(p, []byte("x"), 0o600) }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newChannel(t)
			c.add("A talk", 300_000)
			c.add("Another", 200_000)
			dir := t.TempDir()
			good := c.backup(dir, nil)
			c.backup(dir, nil)
			before := names(t, dir)
			found, _ := filepath.Glob(filepath.Join(c.data, test.path))
			unshare(t, found[0])
			if err := test.harm(found[0]); err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(c.data, found[0])
			r, err := vault.Make(t.Context(), vault.Config{Data: c.data, Store: c.store, Dir: dir, Keep: 1})
			incomplete, ok := errors.AsType[*vault.IncompleteError](err)
			if !ok || incomplete.Folder != r.Folder || !strings.Contains(err.Error(), rel) {
				t.Fatalf("got %+v, %v", r, err)
			}
			if len(r.Missing) != 1 || r.Missing[0].Path != rel || r.Missing[0].Err == nil || test.want != nil && !has(r.Missing, rel, test.want) {
				t.Errorf("missing: %v", r.Missing)
			}
			if got := append(before, filepath.Base(r.Folder)); len(r.Removed) > 0 || !cmp.Equal(slices.Sorted(slices.Values(got)), names(t, dir)) {
				t.Errorf("removed %v, there are %v", r.Removed, names(t, dir))
			}
			last, err := c.store.Archive().Last(t.Context())
			if err != nil || last.FailedAt.IsZero() || !strings.Contains(last.Reason, rel) || last.Folder == r.Folder || last.At.IsZero() {
				t.Errorf("recorded %+v, %v", last, err)
			}
			c.lacking(r.Folder, rel)
			whole(t, good.Folder)
		})
	}
}

// lacking asks that a backup which lacks a file says so wherever it is looked at.
func (c *channel) lacking(folder, path string) {
	c.t.Helper()
	b, err := vault.Find(folder)
	if err != nil || !cmp.Equal(b.Manifest.Missing, []string{path}) {
		c.t.Errorf("the manifest says %v, %v", b.Manifest.Missing, err)
	}
	for _, quick := range []bool{true, false} {
		v, err := vault.Verify(c.t.Context(), folder, quick, nil)
		if err != nil || len(v.Problems) != 1 || v.Problems[0].Path != path {
			c.t.Errorf("verified: %v, %v", v.Problems, err)
		}
	}
	cfg := vault.RestoreConfig{Data: filepath.Join(c.t.TempDir(), "new"), Dir: folder}
	_, err = vault.Restore(c.t.Context(), cfg)
	if damaged, ok := errors.AsType[*vault.DamagedError](err); !ok || damaged.Problems[0].Path != path {
		c.t.Errorf("restoring it: %v", err)
	}
	cfg.Incomplete = true
	if r, err := vault.Restore(c.t.Context(), cfg); err != nil || len(r.Problems) == 0 || r.Problems[0].Path != path {
		c.t.Errorf("restoring what is there: %+v, %v", r.Problems, err)
	}
	// What is there but not whole comes back as it was.
	_, here := os.Lstat(filepath.Join(c.data, path))
	if _, there := os.Lstat(filepath.Join(cfg.Data, path)); (here == nil) != (there == nil) {
		c.t.Errorf("%s: %v in the channel and %v where it is restored", path, here, there)
	}
}

// Two channels that bear one name, as when one was lost and made anew, share a folder.
// Neither takes the other's backups for its own.
func TestNamesakes(t *testing.T) {
	dir := t.TempDir()
	lost, anew := newChannel(t), newChannel(t)
	lost.add("A talk", 200_000)
	keep := func(cfg *vault.Config) { cfg.Keep = 1 }
	old := lost.backup(dir, keep)
	for range 3 {
		anew.backup(dir, keep)
	}
	if got := names(t, dir); len(got) != 2 || !contains(got, filepath.Base(old.Folder)) {
		t.Errorf("the new channel leaves %v", got)
	}
	last := lost.backup(dir, keep)
	if got := names(t, dir); len(got) != 2 || contains(got, filepath.Base(old.Folder)) {
		t.Errorf("the old channel leaves %v", got)
	}
	_, err := vault.Find(dir)
	if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "two channels") || !strings.Contains(err.Error(), filepath.Base(last.Folder)) {
		t.Errorf("which one is meant: %v", err)
	}
	data := filepath.Join(t.TempDir(), "new")
	if _, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("one of them was restored: %v", err)
	}
	if b, err := vault.Find(last.Folder); err != nil || b.Folder != last.Folder {
		t.Errorf("by its name: %+v, %v", b.Folder, err)
	}
}

// What looks like a backup and cannot be read may be the newest: an older one must not be
// taken for it in silence.
func TestUnreadableBackup(t *testing.T) {
	for name, text := range map[string]string{"manifest.json": `{"format": 1, "number`, "tubelet.db": "SQLite format 3"} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t)
			dir := t.TempDir()
			good := c.backup(dir, nil)
			bad := filepath.Join(dir, "tubelet-video.example-20991231-235959")
			if err := errors.Join(os.Mkdir(bad, 0o700), os.WriteFile(filepath.Join(bad, name), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			_, err := vault.Find(dir)
			if _, ok := errors.AsType[*vault.BadError](err); !ok || !strings.Contains(err.Error(), bad) {
				t.Errorf("found: %v", err)
			}
			whole(t, good.Folder)
			// Backups go on, and leave it alone.
			c.backup(dir, func(cfg *vault.Config) { cfg.Keep = 1 })
			if got := names(t, dir); len(got) != 2 || !contains(got, filepath.Base(bad)) {
				t.Errorf("there are %v", got)
			}
		})
	}
}

// When the database cannot be written to, the server remembers what it did: a backup each
// minute would fill the disk, and removing old ones for it would leave none from before.
func TestKeeperWithoutARecord(t *testing.T) {
	c := newChannel(t)
	c.add("A talk", 200_000)
	dir := t.TempDir()
	c.backup(dir, nil)
	for key, value := range map[string]string{"backup.dir": dir, "backup.keep": "1", "backup.every": "1d"} {
		if err := c.store.SetSetting(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	refuse := "create trigger refuse_%s before %s on backups begin select raise(abort, 'disk I/O error'); end;"
	for _, verb := range []string{"insert", "update"} {
		if err := execute(t.Context(), filepath.Join(c.data, "tubelet.db"), strings.ReplaceAll(refuse, "%s", verb)); err != nil {
			t.Fatal(err)
		}
	}
	keeper := &vault.Keeper{Data: c.data, Store: c.store, Log: slog.New(slog.DiscardHandler)}
	begin := time.Now().Add(48 * time.Hour)
	for _, step := range []struct {
		name    string
		at      time.Duration
		made    bool
		failed  bool
		backups int
		before  func() error
	}{
		{"due", 0, true, false, 2, nil},
		{"a minute later", time.Minute, false, false, 2, nil},
		{"nearly a day later", 23 * time.Hour, false, false, 2, nil},
		{"the next day", 24 * time.Hour, true, false, 3, nil},
		{"the disk is away", 49 * time.Hour, false, true, 0, func() error { return os.Rename(dir, dir+".away") }},
		{"a minute after that", 49*time.Hour + time.Minute, false, false, 0, nil},
		{"it is back, an hour later", 50 * time.Hour, true, false, 4, func() error { return os.Rename(dir+".away", dir) }},
	} {
		if step.before != nil {
			if err := step.before(); err != nil {
				t.Fatal(err)
			}
		}
		made, err := keeper.RunOnce(t.Context(), begin.Add(step.at))
		if made != step.made || (err != nil) != step.failed {
			t.Errorf("%s: made %v, %v", step.name, made, err)
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "tubelet-*")); len(found) != step.backups {
			t.Errorf("%s: there are %d backups", step.name, len(found))
		}
	}
}

// A channel that is not whole is backed up by itself as often as any, and not each hour as
// after other failures: each of these takes room, and none goes for it.
func TestKeeperOfAnIncompleteChannel(t *testing.T) {
	c := newChannel(t)
	v := c.add("A talk", 200_000)
	film := filepath.Join(c.data, "videos", v.ID, "1", "360p.mp4")
	dir := t.TempDir()
	c.backup(dir, nil)
	for key, value := range map[string]string{"backup.dir": dir, "backup.keep": "1", "backup.every": "1d"} {
		if err := c.store.SetSetting(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	keeper := &vault.Keeper{Data: c.data, Store: c.store, Log: slog.New(slog.DiscardHandler)}
	begin := time.Now().Add(48 * time.Hour)
	for _, step := range []struct {
		name    string
		do      func() error
		at      time.Duration
		made    bool
		lacks   bool
		backups int
	}{
		{"a film is gone", func() error { return os.Rename(film, film+".away") }, 0, false, true, 2},
		{"hours later", nil, 5 * time.Hour, false, false, 2},
		{"the next day", nil, 24 * time.Hour, false, true, 3},
		{"it is back", func() error { return os.Rename(film+".away", film) }, 48 * time.Hour, true, false, 1},
	} {
		if step.do != nil {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
		}
		made, err := keeper.RunOnce(t.Context(), begin.Add(step.at))
		_, lacks := errors.AsType[*vault.IncompleteError](err)
		if made != step.made || lacks != step.lacks || err != nil && !lacks {
			t.Errorf("%s: made %v, %v", step.name, made, err)
		}
		if found := names(t, dir); len(found) != step.backups {
			t.Errorf("%s: there are %v", step.name, found)
		}
	}
	whole(t, dir)
}
