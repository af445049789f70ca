package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

func TestBackupAndRestore(t *testing.T) {
	c := newChannel(t)
	c.follow("ada")
	v := c.add("A talk", 300_000)
	c.add("Another", 400_000)
	if err := c.store.SetSetting(t.Context(), "upload.rate", "20Mbit"); err != nil {
		t.Fatal(err)
	}
	c.write("tls/cert", []byte("certificate"))
	remark := func(c *channel) int64 {
		t.Helper()
		id, _, err := c.store.Social().AddComment(t.Context(), social.Comment{Video: v.ID, HTML: "<p>x</p>", State: social.Held, PublishedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	dir := filepath.Join(t.TempDir(), "backups")
	r := c.backup(dir, nil)
	whole(t, dir)
	later := remark(c)
	if r.Copied != 0 || r.Linked < 700_000 || !r.SameDisk || r.Open {
		t.Errorf("%+v", r)
	}
	last, err := c.store.Archive().Last(t.Context())
	if err != nil || last.Folder != r.Folder || last.Files != r.Files || last.At.IsZero() || !last.FailedAt.IsZero() {
		t.Errorf("recorded %+v, %v", last, err)
	}
	for _, path := range []string{dir, r.Folder, filepath.Join(r.Folder, "keys/actor.pem"), filepath.Join(r.Folder, "tubelet.db"), filepath.Join(r.Folder, "manifest.json")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}

	before := facts(t, c.data)
	data := filepath.Join(t.TempDir(), "deep", "new")
	back, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if back.Aside != "" || back.Upgraded || len(back.Problems) > 0 {
		t.Errorf("%+v", back)
	}
	if diff := cmp.Diff(before, facts(t, data)); diff != "" {
		t.Errorf("before and after differ:\n%s", diff)
	}
	n := openChannel(t, data)
	if value, err := n.store.Setting(t.Context(), "upload.rate"); err != nil || value != "20Mbit" {
		t.Errorf("upload.rate is %q, %v", value, err)
	}
	if text, err := os.ReadFile(filepath.Join(data, "tls", "cert")); err != nil || string(text) != "certificate" {
		t.Errorf("certificate %q, %v", text, err)
	}
	// A revision's number is in addresses that browsers keep for ever.
	if rev, err := n.store.NextRev(t.Context(), v.ID); err != nil || rev < 100 {
		t.Errorf("the next revision is %d, %v", rev, err)
	}
	// So is the number of a comment, on other servers.
	if id := remark(n); id <= later {
		t.Errorf("the next comment has the number %d, and one after the backup had %d", id, later)
	}
	for _, name := range []string{".restore", "tubelet.db-wal"} {
		if _, err := os.Lstat(filepath.Join(data, name)); err == nil && name == ".restore" {
			t.Errorf("%s is left", name)
		}
	}
}

// What is removed or replaced later goes from the channel, and not from the backup.
func TestBackupOutlivesTheVideo(t *testing.T) {
	c := newChannel(t)
	v := c.add("A talk", 300_000)
	dir := t.TempDir()
	c.backup(dir, nil)
	w := work.New(work.Config{Data: c.data, Store: c.store})
	if err := w.Remove(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole(t, dir)
	// The next one does not have it.
	r := c.backup(dir, nil)
	if _, err := os.Stat(filepath.Join(r.Folder, "videos", v.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the removed video is in the next backup: %v", err)
	}
	whole(t, dir)
}

func TestKeep(t *testing.T) {
	c := newChannel(t)
	c.add("A talk", 200_000)
	dir := t.TempDir()
	// A channel with the same key is the same channel, restored elsewhere perhaps.
	other := newChannel(t)
	key, err := os.ReadFile(filepath.Join(c.data, "keys", "actor.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other.data, "keys", "actor.pem"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := other.backup(dir, func(cfg *vault.Config) { cfg.Now = func() time.Time { return time.Unix(1e9, 0) } })
	// None of these is ours, however it looks.
	strangers := []string{"tubelet-video.example-20200101-000000", "photos", ".tubelet-video.example-20200101-000000.part", ".tubelet-other.example-20200101-000000.part"}
	for _, name := range strangers {
		if err := os.MkdirAll(filepath.Join(dir, name, "precious"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := c.backup(t.TempDir(), nil)
	if err := os.Symlink(elsewhere.Folder, filepath.Join(dir, "tubelet-video.example-20200102-000000")); err != nil {
		t.Fatal(err)
	}
	// The clock is a day ahead for the second backup, and a year behind for the last.
	clock := time.Now()
	var made []string
	for _, jump := range []time.Duration{0, 24 * time.Hour, time.Hour, 0, -365 * 24 * time.Hour} {
		r := c.backup(dir, func(cfg *vault.Config) {
			cfg.Keep = 2
			cfg.Now = func() time.Time { return clock.Add(jump) }
		})
		made = append(made, filepath.Base(r.Folder))
	}
	want := append([]string{"tubelet-video.example-20200102-000000"}, append(strangers, made[3:]...)...)
	got := names(t, dir)
	for _, name := range want {
		if !contains(got, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if contains(got, filepath.Base(foreign.Folder)) {
		t.Error("the oldest backup is still there")
	}
	if len(got) != len(want) {
		t.Errorf("there are %v", got)
	}
	whole(t, filepath.Join(dir, made[4]))
	whole(t, elsewhere.Folder)
	if b, err := vault.Find(dir); err != nil || filepath.Base(b.Folder) != made[4] {
		t.Errorf("the newest is %s, %v", b.Folder, err)
	}
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

func TestPlacesRefused(t *testing.T) {
	c := newChannel(t)
	c.add("A talk", 200_000)
	good := t.TempDir()
	r := c.backup(good, nil)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(c.data, link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		dir        string
		unattended bool
	}{
		"the data directory":      {c.data, false},
		"within":                  {filepath.Join(c.data, "videos"), false},
		"within, not there yet":   {filepath.Join(c.data, "a", "b"), false},
		"within, through a link":  {filepath.Join(link, "a"), false},
		"a backup":                {r.Folder, false},
		"a file":                  {file, false},
		"not mounted":             {filepath.Join(good, "missing"), true},
		"mounted without backups": {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			if test.dir == "" {
				// The same folder, as if another disk were there now.
				test.dir = good
				moved := filepath.Join(t.TempDir(), "moved")
				if err := os.Rename(r.Folder, moved); err != nil {
					t.Fatal(err)
				}
				defer os.Rename(moved, r.Folder)
			}
			_, err := vault.Make(t.Context(), vault.Config{Data: c.data, Store: c.store, Dir: test.dir, Unattended: test.unattended})
			if err == nil {
				t.Fatal("a backup was made")
			}
			if name != "mounted without backups" && strings.Contains(name, "mounted") && !strings.Contains(err.Error(), "mounted?") {
				t.Errorf("it says %v", err)
			}
		})
	}
	for _, name := range []string{"a", "b"} {
		if _, err := os.Stat(filepath.Join(c.data, name)); err == nil {
			t.Errorf("%s was made in the data directory", name)
		}
	}
	if last, err := c.store.Archive().Last(t.Context()); err != nil || last.FailedAt.IsZero() || last.Reason == "" {
		t.Errorf("no failure is recorded: %+v %v", last, err)
	}
}

// A file that rotted, shrank or went is found, and what cannot be trusted is not restored.
func TestVerifyFindsDamage(t *testing.T) {
	tests := []struct {
		name, path string
		harm       func(path string) error
		want       error
		quick      bool // also seen without reading
	}{
		{"a flipped bit in a video", "videos/*/1/360p.mp4", flip, proof.ErrRotten, false},
		{"a short video", "videos/*/1/360p.mp4", func(p string) error { return os.Truncate(p, 100) }, proof.ErrSize, true},
		{"no video", "videos/*/1/360p.mp4", os.Remove, proof.ErrMissing, true},
		{"a link in its place", "videos/*/1/360p.mp4", relink, proof.ErrKind, true},
		{"a flipped bit in a torrent", "videos/*/1/360p.torrent", flip, proof.ErrRotten, false},
		{"a flipped bit in a picture", "videos/*/1/poster-*.jpg", flip, proof.ErrRotten, false},
		{"a flipped bit in captions", "videos/*/captions/en-*.vtt", flip, proof.ErrRotten, false},
		{"a flipped bit in a playlist", "videos/*/1/360p.m3u8", flip, proof.ErrRotten, false},
		{"a flipped bit in the key", "keys/actor.pem", flip, proof.ErrRotten, false},
		{"a flipped bit in the database", "tubelet.db", flip, proof.ErrRotten, false},
	}
	c := newChannel(t)
	c.add("A talk", 600_000)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			r := c.backup(dir, nil)
			found, _ := filepath.Glob(filepath.Join(r.Folder, test.path))
			if len(found) != 1 {
				t.Fatalf("%d files match", len(found))
			}
			unshare(t, found[0])
			if err := test.harm(found[0]); err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(r.Folder, found[0])
			v, err := vault.Verify(t.Context(), dir, false, nil)
			if err != nil || !has(v.Problems, rel, test.want) {
				t.Errorf("found %v, %v", v.Problems, err)
			}
			v, err = vault.Verify(t.Context(), dir, true, nil)
			if err != nil || test.quick && !has(v.Problems, rel, test.want) {
				t.Errorf("quickly found %v, %v", v.Problems, err)
			}
			data := filepath.Join(t.TempDir(), "new")
			_, err = vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir})
			vital := !strings.HasPrefix(test.path, "videos/")
			var damaged *vault.DamagedError
			if (vital || test.quick) != errors.As(err, &damaged) {
				t.Errorf("restoring it: %v", err)
			}
			if _, err := os.Stat(filepath.Join(data, "tubelet.db")); damaged != nil && err == nil {
				t.Error("a channel was made of it")
			}
			if damaged == nil || vital {
				return
			}
			back, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir, Incomplete: true})
			if err != nil || !has(back.Problems, rel, test.want) {
				t.Errorf("restoring the rest: %+v, %v", back.Problems, err)
			}
		})
	}
}

func has(list []vault.Problem, path string, want error) bool {
	for _, p := range list {
		if p.Path == path && errors.Is(p.Err, want) {
			return true
		}
	}
	return false
}

// flip changes one bit in the middle of a file.
func flip(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	return os.WriteFile(path, text, 0o600)
}

func relink(path string) error {
	return errors.Join(os.Rename(path, path+".old"), os.Symlink("/etc/passwd", path))
}

// unshare makes a file of its own out of a link, so that what is done to it is not done to
// the channel.
func unshare(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if stat := info.Sys().(*syscall.Stat_t); stat.Nlink > 1 {
		if err := errors.Join(os.Remove(path), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	c := newChannel(t)
	c.add("A talk", 200_000)
	dir := t.TempDir()
	r := c.backup(dir, nil)
	newer := filepath.Join(t.TempDir(), "newer")
	if err := os.CopyFS(newer, os.DirFS(r.Folder)); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(newer, "manifest.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	schema := regexp.MustCompile(`"schema": \d+`)
	if err := os.WriteFile(manifest, schema.ReplaceAll(text, []byte(`"schema": 99`)), 0o600); err != nil {
		t.Fatal(err)
	}
	used := filepath.Join(t.TempDir(), "used")
	if err := os.MkdirAll(filepath.Join(used, "photos"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cfg  vault.RestoreConfig
		want error
	}{
		{"a newer schema", vault.RestoreConfig{Data: t.TempDir(), Dir: newer}, store.ErrNewer},
		{"a channel in the way", vault.RestoreConfig{Data: c.data, Dir: dir}, store.ErrExists},
		{"something in the way", vault.RestoreConfig{Data: used, Dir: dir}, store.ErrExists},
		{"no backup", vault.RestoreConfig{Data: t.TempDir(), Dir: t.TempDir()}, store.ErrNotFound},
		{"no folder", vault.RestoreConfig{Data: t.TempDir(), Dir: filepath.Join(dir, "no")}, os.ErrNotExist},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := names(t, test.cfg.Data)
			if _, err := vault.Restore(t.Context(), test.cfg); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if diff := cmp.Diff(before, names(t, test.cfg.Data)); diff != "" {
				t.Errorf("changed:\n%s", diff)
			}
		})
	}
}

// What is there is kept aside, and a dry run changes nothing.
func TestReplace(t *testing.T) {
	c := newChannel(t)
	c.add("A talk", 200_000)
	dir := t.TempDir()
	c.backup(dir, nil)
	c.add("Newer than the backup", 200_000)
	later := facts(t, c.data)
	c.store.Close()
	cfg := vault.RestoreConfig{Data: c.data, Dir: dir, Replace: true, DryRun: true}
	before := names(t, c.data)
	if r, err := vault.Restore(t.Context(), cfg); err != nil || r.Aside == "" {
		t.Fatalf("%+v %v", r, err)
	}
	if diff := cmp.Diff(before, names(t, c.data)); diff != "" {
		t.Errorf("the dry run changed:\n%s", diff)
	}
	cfg.DryRun = false
	r, err := vault.Restore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if now := facts(t, c.data); strings.Contains(now, "Newer") || !strings.Contains(now, "A talk") {
		t.Errorf("restored:\n%s", now)
	}
	if diff := cmp.Diff(later, facts(t, r.Aside)); diff != "" {
		t.Errorf("what was there is not what is aside:\n%s", diff)
	}
}

// Videos come and go while a backup is made: what it holds fits together all the same.
func TestBackupBesideChanges(t *testing.T) {
	c := newChannel(t)
	var ids []string
	for range 20 {
		ids = append(ids, c.add("There before", 50_000).ID)
	}
	stop, ended := make(chan bool), make(chan error, 1)
	go func() {
		w := work.New(work.Config{Data: c.data, Store: c.store})
		for i := 0; ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if i < len(ids) {
				if err := w.Remove(t.Context(), ids[i]); err != nil {
					ended <- err
					return
				}
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	dir := t.TempDir()
	for range 4 {
		r := c.backup(dir, nil)
		c.add("Between", 50_000)
		whole(t, r.Folder)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// A key that is a link would not be in the backup, and nobody would notice.
func TestLinkedKeyIsRefused(t *testing.T) {
	c := newChannel(t)
	key, away := filepath.Join(c.data, "keys", "actor.pem"), filepath.Join(t.TempDir(), "actor.pem")
	if err := errors.Join(os.Rename(key, away), os.Symlink(away, key)); err != nil {
		t.Fatal(err)
	}
	_, err := vault.Make(t.Context(), vault.Config{Data: c.data, Store: c.store, Dir: t.TempDir()})
	var place *vault.PlaceError
	if !errors.As(err, &place) {
		t.Errorf("got %v", err)
	}
}
