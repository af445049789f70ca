package vault_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// TestMain lets the test binary be started again as a program to be killed.
func TestMain(m *testing.M) {
	if role := os.Getenv("TUBELET_TEST_ROLE"); role != "" {
		if err := roles()[role](context.Background(), os.Getenv("TUBELET_TEST_DATA"), os.Getenv("TUBELET_TEST_DIR")); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func roles() map[string]func(ctx context.Context, data, dir string) error {
	return map[string]func(ctx context.Context, data, dir string) error{
		"backup": backupRole, "restore": restoreRole, "migrate": migrateRole, "fulldisk": fullDiskRole, "readonly": readOnlyRole, "mounted": mountedRole,
	}
}

// backupRole removes a video and makes a backup, and says what it acknowledges.
func backupRole(ctx context.Context, data, dir string) error {
	s, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	if err != nil {
		return err
	}
	defer s.Close()
	w := work.New(work.Config{Data: data, Store: s})
	removed := make(chan error, 1)
	go func() {
		videos, _, err := s.Videos(ctx, store.List{Audience: store.Everyone})
		if err == nil && len(videos) > 12 {
			err = w.Remove(ctx, videos[0].ID)
		}
		removed <- err
	}()
	r, err := vault.Make(ctx, vault.Config{Data: data, Store: s, Dir: dir, Keep: 3})
	if err != nil {
		return err
	}
	fmt.Println("made", r.Folder)
	return <-removed
}

func restoreRole(ctx context.Context, data, dir string) error {
	_, err := vault.Restore(ctx, vault.RestoreConfig{Data: data, Dir: dir, Replace: true})
	if err == nil {
		fmt.Println("restored")
	}
	return err
}

func migrateRole(ctx context.Context, data, _ string) error {
	s, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	if err != nil {
		return err
	}
	fmt.Println("opened")
	return s.Close()
}

// killer kills a role at random moments.
type killer struct {
	*testing.T
	rand   *rand.Rand
	role   string
	took   time.Duration // of an undisturbed run
	killed int
	ended  int // before the kill came
}

func newKiller(t *testing.T, role string) *killer {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return &killer{T: t, rand: rand.New(rand.NewPCG(seed, 0)), role: role}
}

// undisturbed lets the role run to its end and takes the time.
func (k *killer) undisturbed(data, dir string) {
	k.Helper()
	began := time.Now()
	out, killed := k.run(data, dir, func() { time.Sleep(time.Minute) })
	k.took = time.Since(began)
	if killed || strings.Contains(out, "error") {
		k.Fatalf("%s does not come to its end: %s", k.role, out)
	}
}

// kill kills the role at a random moment and returns what it has said.
func (k *killer) kill(data, dir string) string {
	k.Helper()
	after := time.Duration(k.rand.Int64N(int64(k.took)))
	return k.killWhen(data, dir, func() { time.Sleep(after) })
}

// killWhen kills the role as soon as wait returns.
func (k *killer) killWhen(data, dir string, wait func()) string {
	k.Helper()
	out, killed := k.run(data, dir, wait)
	if killed {
		k.killed++
	} else {
		k.ended++
	}
	return out
}

func (k *killer) run(data, dir string, wait func()) (out string, killed bool) {
	k.Helper()
	self, err := os.Executable()
	if err != nil {
		k.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TUBELET_TEST_ROLE="+k.role, "TUBELET_TEST_DATA="+data, "TUBELET_TEST_DIR="+dir)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	go func() {
		wait()
		cmd.Process.Kill() // of one that has ended, it does nothing
	}()
	err = cmd.Wait()
	return said.String(), err != nil && cmd.ProcessState.ExitCode() == -1
}

// more reports whether another kill is wanted. Runs that come to their end are none.
func (k *killer) more() bool { return k.killed < kills && k.ended < 20*kills && !k.Failed() }

func (k *killer) sound(path string, version int) {
	k.Helper()
	got, err := archive.Check(k.Context(), path)
	if err != nil || got != version {
		k.Errorf("%s: version %d, %v", path, got, err)
	}
}

// Killed at any moment, a backup is whole or not there, what was acknowledged is, and the
// next one clears up.
func TestKilledBackup(t *testing.T) {
	c := newChannel(t)
	c.follow("ada")
	for i := range 15 {
		c.add(fmt.Sprint("Video ", i), 100_000)
	}
	dir := filepath.Join(t.TempDir(), "backups")
	k := newKiller(t, "backup")
	k.undisturbed(c.data, dir)
	k.undisturbed(c.data, dir) // a start that finds everything in memory
	for k.more() {
		out := k.kill(c.data, dir)
		if made, ok := strings.CutPrefix(strings.TrimSpace(out), "made "); ok {
			whole(t, made)
		}
		list, err := vault.List(dir)
		if err != nil || len(list) == 0 || len(list) > 4 {
			t.Fatalf("%d backups, %v", len(list), err)
		}
		for _, b := range list {
			whole(t, b.Folder)
		}
		if n, err := filepath.Glob(filepath.Join(dir, "tubelet-*")); err != nil || len(n) != len(list) {
			t.Errorf("%v bear the name of a backup, %d are", n, len(list))
		}
		if _, err := c.store.Video(t.Context(), c.add("One more", 100_000).ID); err != nil {
			t.Error(err)
		}
	}
	r := c.backup(dir, func(cfg *vault.Config) { cfg.Keep = 3 })
	whole(t, r.Folder)
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	t.Logf("%d kills, %d runs came to their end: every backup was whole", k.killed, k.ended)
}

// Killed at any moment, a restoring can be brought to its end, and neither the backup nor
// what it replaces is lost.
func TestKilledRestore(t *testing.T) {
	c := newChannel(t)
	c.follow("ada")
	for i := range 15 {
		c.add(fmt.Sprint("Video ", i), 100_000)
	}
	dir := t.TempDir()
	c.backup(dir, nil)
	want := facts(t, c.data)
	data := filepath.Join(t.TempDir(), "data")
	k := newKiller(t, "restore")
	k.undisturbed(data, dir)
	k.undisturbed(data, dir) // replaces what the first has made
	resumed := 0
	for round := 0; k.more(); round++ {
		if round%2 == 0 {
			k.kill(data, dir)
		} else {
			k.killWhen(data, dir, k.moving(data))
		}
		if vault.CutShort(data) {
			resumed++
			r, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: "/nowhere"})
			if err != nil || !r.Resumed {
				t.Fatalf("brought to its end: %v, %v", r.Resumed, err)
			}
		}
		if diff := cmp.Diff(want, facts(t, data)); diff != "" {
			t.Fatalf("the channel is not what it was:\n%s", diff)
		}
		k.sound(filepath.Join(data, "tubelet.db"), store.Version())
		aside, _ := filepath.Glob(filepath.Join(data, "replaced-*"))
		for _, old := range aside {
			if _, err := os.Stat(filepath.Join(old, "tubelet.db")); err != nil {
				continue // made, and nothing moved there
			}
			if diff := cmp.Diff(want, facts(t, old)); diff != "" {
				t.Errorf("what was replaced is not whole in %s:\n%s", old, diff)
			}
			os.RemoveAll(old)
		}
	}
	whole(t, dir)
	t.Logf("%d kills, %d while it moved things, %d runs came to their end: nothing lost", k.killed, resumed, k.ended)
}

// moving waits until a restoring moves things into place, which takes it a moment, and a part
// of that moment.
func (k *killer) moving(data string) func() {
	after := time.Duration(k.rand.Int64N(int64(2 * time.Millisecond)))
	return func() {
		for end := time.Now().Add(10 * time.Second); !vault.CutShort(data) && time.Now().Before(end); {
			time.Sleep(50 * time.Microsecond)
		}
		time.Sleep(after)
	}
}

// Killed at any moment, an upgrade over two versions is done or not begun, and the copy from
// before is whole or not there.
func TestKilledMigration(t *testing.T) {
	dump, err := os.ReadFile("../../store/testdata/v1.sql")
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old.db")
	oldDatabase(t, old, string(dump))
	text, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	k := newKiller(t, "migrate")
	data := t.TempDir()
	path := filepath.Join(data, "tubelet.db")
	begin := func() {
		for _, name := range names(t, data) {
			os.RemoveAll(filepath.Join(data, name))
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	k.undisturbed(data, "")
	half := 0
	for k.more() {
		begin()
		k.kill(data, "")
		if _, err := os.Stat(path + ".v1"); err == nil {
			k.sound(path+".v1", 1)
		}
		s, err := store.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Video(t.Context(), "h7k2m9qxw4")
		if err != nil || len(v.Media.Renditions) != 1 || v.Comments != 2 {
			t.Errorf("the video is %+v, %v", v, err)
		}
		jobs, err := s.Jobs(t.Context(), store.JobList{})
		if err != nil || len(jobs) != 1+oldJobs {
			t.Errorf("%d jobs, %v", len(jobs), err)
		}
		s.Close()
		k.sound(path, store.Version())
		k.sound(path+".v1", 1)
		if left, _ := filepath.Glob(filepath.Join(data, "*.part")); len(left) > 0 {
			half++
		}
	}
	t.Logf("%d kills, %d runs came to their end, %d left a half copy that the next start took away", k.killed, k.ended, half)
}

const oldJobs = 40_000

// oldDatabase makes a database of schema version 1 that takes a while to upgrade.
func oldDatabase(t *testing.T, path, dump string) {
	t.Helper()
	rows := fmt.Sprintf(`;with recursive n (i) as (values (1) union all select i + 1 from n where i < %d)
		insert into jobs (kind, video, rev, state, stage, percent, speed, eta, reason, attempts, priority, run_at, created_at, updated_at)
		select 'poster', 'h7k2m9qxw4', 1, 'done', 'long ago, and told at some length', 0.0, 0.0, 0, '', 0, 0, 1760000100000, 1760000100000, 1760000100000 from n`, oldJobs)
	if err := execute(t.Context(), path, dump+rows); err != nil {
		t.Fatal(err)
	}
}

// execute runs statements on a database file without any of our machinery.
func execute(ctx context.Context, path, statements string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statements)
	return errors.Join(err, db.Close())
}
