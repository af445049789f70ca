package vault_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/vault"
)

// The server makes a backup when one is due, whatever the clock does meanwhile, and does not
// write into a folder whose disk is not there.
func TestKeeper(t *testing.T) {
	c := newChannel(t)
	c.add("A talk", 200_000)
	dir := filepath.Join(t.TempDir(), "backups")
	keeper := &vault.Keeper{Data: c.data, Store: c.store, Log: slog.New(slog.DiscardHandler)}
	set := func(key, value string) {
		t.Helper()
		if err := c.store.SetSetting(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	steps := []struct {
		name    string
		do      func()
		at      time.Duration
		made    bool
		failed  bool
		backups int
	}{
		{"nothing is set", func() {}, 0, false, false, 0},
		{"the folder is not there", func() { set("backup.dir", dir) }, 0, false, true, 0},
		{"it is there at once after", func() { os.Mkdir(dir, 0o700) }, time.Minute, false, false, 0},
		{"an hour later", func() { set("backup.keep", "2") }, time.Hour + time.Minute, true, false, 1},
		{"not yet again", func() {}, 24 * time.Hour, false, false, 1},
		{"the next day", func() {}, 26 * time.Hour, true, false, 2},
		{"more often", func() { set("backup.every", "1h") }, 27 * time.Hour, true, false, 2},
		{"the clock jumps a day ahead", func() {}, 51 * time.Hour, true, false, 2},
		{"and back", func() {}, 28 * time.Hour, true, false, 2},
		{"and stays", func() {}, 28*time.Hour + time.Minute, false, false, 2},
		{"an hour after that", func() {}, 29 * time.Hour, true, false, 2},
		{"another disk is in its place", func() { os.Rename(dir, dir+".away"); os.Mkdir(dir, 0o700) }, 31 * time.Hour, false, true, 0},
		{"it comes back", func() { os.Remove(dir); os.Rename(dir+".away", dir) }, 33 * time.Hour, true, false, 2},
		{"switched off", func() { set("backup.dir", "") }, 300 * time.Hour, false, false, 2},
	}
	for _, step := range steps {
		step.do()
		made, err := keeper.RunOnce(t.Context(), begin.Add(step.at))
		if made != step.made || (err != nil) != step.failed {
			t.Errorf("%s: made %v, %v", step.name, made, err)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "tubelet-*"))
		if len(found) != step.backups {
			t.Errorf("%s: there are %d backups", step.name, len(found))
		}
	}
	whole(t, dir)
}
