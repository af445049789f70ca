package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/server/work/disk/disktest"
	"github.com/tubelet/tubelet/store"
)

// inNamespace runs a role where it may mount disks of its own.
func inNamespace(t *testing.T, role string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TUBELET_TEST_ROLE="+role, "TUBELET_TEST_DATA="+t.TempDir(), "TUBELET_TEST_DIR="+t.TempDir())
	disktest.Run(t, cmd, 0)
}

// TestFullDisk fills disks under a backup, a restoring, an upgrade and a serving channel.
func TestFullDisk(t *testing.T) { inNamespace(t, "fulldisk") }

// TestReadOnly takes the right to write away under a server, and from its start.
func TestReadOnly(t *testing.T) { inNamespace(t, "readonly") }

// TestMounted has parts of a data directory be mount points, which cannot be renamed.
func TestMounted(t *testing.T) { inNamespace(t, "mounted") }

func mount(dir, size string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
}

// fill writes a file until the disk of dir is full to the last byte, or n are left.
func fill(dir string, n int64) error {
	f, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return err
		}
		err := unix.Fallocate(int(f.Fd()), 0, 0, max(1, int64(st.Bavail)*st.Bsize-n))
		if err == nil {
			break
		}
		if !errors.Is(err, unix.ENOSPC) { // else somebody was faster
			return err
		}
	}
	for n == 0 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	return nil
}

func unfill(dir string) error { return os.Remove(filepath.Join(dir, "filler")) }

// says asks that an error names the disk and that it is full.
func says(err error, dir string) error {
	if err == nil {
		return errors.New("it went well on a full disk")
	}
	if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "make room there") {
		return fmt.Errorf("it says only: %w", err)
	}
	return nil
}

// small makes a channel with one video of noise on a disk of its own.
func small(ctx context.Context, data string) (*store.Store, string, error) {
	if err := mount(data, "150m"); err != nil {
		return nil, "", fmt.Errorf("mount: %w", err)
	}
	if _, err := setup.Create(ctx, setup.Config{Data: data, Domain: "127.0.0.1:24999", Handle: "me", Name: "Me", Local: true}); err != nil {
		return nil, "", err
	}
	s, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	if err != nil {
		return nil, "", err
	}
	r, files, err := rendition(ctx, []byte("a film"), 20<<20)
	if err != nil {
		return nil, "", err
	}
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: "A talk", Visibility: store.Public}}
	v.Media = store.Media{Rev: 1, State: store.Done, Duration: time.Minute, Renditions: []store.Rendition{r}}
	folder := filepath.Join(data, "videos", v.ID, "1")
	err = os.MkdirAll(folder, 0o700)
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	return s, v.ID, errors.Join(err, s.CreateVideo(ctx, v))
}

func fullDiskRole(ctx context.Context, data, dir string) error {
	s, id, err := small(ctx, data)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := mount(dir, "120m"); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"backup to a full disk", func() error { return backupToFull(ctx, s, data, dir) }},
		{"backup from a full disk", func() error { return backupFromFull(ctx, s, data, dir) }},
		{"restore to a full disk", func() error { return restoreToFull(ctx, filepath.Join(dir, "new"), dir) }},
		{"upgrade on a full disk", func() error { return upgradeOnFull(ctx, filepath.Join(dir, "old")) }},
		{"serve on a full disk", func() error { return serveOnFull(ctx, s, data, id) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// backupToFull fills the disk before a backup, and so far that it ends in the middle.
func backupToFull(ctx context.Context, s *store.Store, data, dir string) error {
	for _, left := range []int64{0, 10 << 20, -1} { // nothing, too little, and enough until it is begun
		if left >= 0 {
			if err := fill(dir, left); err != nil {
				return err
			}
		}
		filled := left >= 0
		_, err := vault.Make(ctx, vault.Config{Data: data, Store: s, Dir: dir, Report: func(vault.Progress) {
			if !filled {
				filled = fill(dir, 4<<20) == nil
			}
		}})
		if err := says(err, dir); err != nil {
			return fmt.Errorf("with %d left: %w", left, err)
		}
		last, err := s.Archive().Last(ctx)
		if err != nil || last.FailedAt.IsZero() || last.Reason == "" {
			return fmt.Errorf("the failure is not recorded: %+v, %w", last, err)
		}
		if err := unfill(dir); err != nil {
			return err
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			return fmt.Errorf("left over: %v, %w", entries, err)
		}
	}
	r, err := vault.Make(ctx, vault.Config{Data: data, Store: s, Dir: dir, Keep: 1})
	if err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	return verified(ctx, r.Folder)
}

func verified(ctx context.Context, dir string) error {
	v, err := vault.Verify(ctx, dir, false, nil)
	if err == nil && len(v.Problems) > 0 {
		err = fmt.Errorf("%s: %w", v.Problems[0].Path, v.Problems[0].Err)
	}
	return err
}

// backupFromFull asks that a channel whose disk is full can still be saved.
func backupFromFull(ctx context.Context, s *store.Store, data, dir string) error {
	if err := fill(data, 0); err != nil {
		return err
	}
	_, err := vault.Make(ctx, vault.Config{Data: data, Store: s, Dir: dir, Keep: 1})
	full := err
	if err := unfill(data); err != nil {
		return err
	}
	list, err := vault.List(dir)
	if err != nil || len(list) == 0 {
		return fmt.Errorf("%d backups, %w", len(list), errors.Join(err, full))
	}
	return errors.Join(full, verified(ctx, list[len(list)-1].Folder))
}

func restoreToFull(ctx context.Context, data, dir string) error {
	if err := mount(data, "160m"); err != nil {
		return err
	}
	cfg := vault.RestoreConfig{Data: data, Dir: dir}
	for _, left := range []int64{0, 10 << 20} {
		if err := fill(data, left); err != nil {
			return err
		}
		_, err := vault.Restore(ctx, vault.RestoreConfig{Data: data, Dir: dir, Replace: true})
		if err := says(err, data); err != nil {
			return fmt.Errorf("with %d left: %w", left, err)
		}
		if err := unfill(data); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(data, "tubelet.db")); err == nil {
			return errors.New("half a channel is there")
		}
	}
	if _, err := vault.Restore(ctx, cfg); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	s, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	if err != nil {
		return err
	}
	return errors.Join(s.Archive().Sound(ctx), s.Close())
}

// upgradeOnFull asks that a database is not harmed by an upgrade that has no room, and is
// upgraded once it has.
func upgradeOnFull(ctx context.Context, data string) error {
	if err := mount(data, "20m"); err != nil {
		return err
	}
	dump, err := os.ReadFile("../../store/testdata/v1.sql")
	if err != nil {
		return err
	}
	path := filepath.Join(data, "tubelet.db")
	if err := execute(ctx, path, string(dump)); err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := fill(data, 0); err != nil {
		return err
	}
	s, err := store.Open(ctx, path)
	if err := says(err, data); err != nil {
		if s != nil {
			s.Close()
		}
		return err
	}
	if err := unfill(data); err != nil {
		return err
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("the database was changed: %w", err)
	}
	if s, err = store.Open(ctx, path); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	return s.Close()
}

// serveOnFull asks that pages are served and a removal makes room while a disk is full, and
// that all goes on without a restart.
func serveOnFull(ctx context.Context, s *store.Store, data, id string) error {
	if err := work.MakeBallast(data); err != nil { // a step before may have used it up
		return err
	}
	url, stop, err := served(ctx, s, data)
	if err != nil {
		return err
	}
	defer stop()
	if err := fill(data, 0); err != nil {
		return err
	}
	for _, path := range []string{"/", "/w/" + id, "/media/" + id + "/1/360p.mp4", "/feed.xml"} {
		if err := answers(url+path, http.StatusOK); err != nil {
			return err
		}
	}
	// Removing a video writes rows: the ballast is for that.
	if err := work.New(work.Config{Data: data, Store: s}).Remove(ctx, id); err != nil {
		return fmt.Errorf("remove a video: %w", err)
	}
	if _, err := os.Stat(filepath.Join(data, "ballast")); err == nil {
		return errors.New("the ballast was not needed, so nothing was shown")
	}
	if err := answers(url+"/w/"+id, http.StatusGone, http.StatusNotFound); err != nil {
		return err
	}
	if err := unfill(data); err != nil {
		return err
	}
	return s.SetSetting(ctx, "threads", "2")
}

// served runs a server on a channel.
func served(ctx context.Context, s *store.Store, data string) (url string, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{Data: data, Store: s, Media: media.New(media.Config{}), Local: true, Listen: "127.0.0.1:0",
			Ready: func(addr string) { ready <- addr }, Log: slog.New(slog.DiscardHandler)})
	}()
	select {
	case addr := <-ready:
		return "http://" + addr, func() { cancel(); <-ended }, nil
	case err := <-ended:
		cancel()
		return "", nil, err
	}
}

// answers asks for an address and wants one of some statuses.
func answers(url string, want ...int) error {
	a, err := http.Get(url)
	if err != nil {
		return err
	}
	a.Body.Close()
	for _, status := range want {
		if a.StatusCode == status {
			return nil
		}
	}
	return fmt.Errorf("%s: %s", url, a.Status)
}

// serveUnwritable takes the right to write from a serving process. The kernel makes no disk
// read-only on which a file is open for writing, except after an error of the disk; a limit
// of no byte for any file has the same effect on who writes.
func serveUnwritable(ctx context.Context, s *store.Store, url, id string) error {
	signal.Ignore(syscall.SIGXFSZ)
	var had unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &had); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Max: had.Max}); err != nil {
		return err
	}
	pages := func() error {
		for _, path := range []string{"/", "/w/" + id, "/media/" + id + "/1/360p.mp4", "/feed.xml", "/search?q=talk"} {
			if err := answers(url+path, http.StatusOK); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pages(); err != nil {
		return fmt.Errorf("nothing can be written: %w", err)
	}
	if err := s.SetSetting(ctx, "threads", "3"); err == nil {
		return errors.New("a setting was written where nothing can be written")
	}
	if value, err := s.Setting(ctx, "threads"); err != nil || value == "3" {
		return fmt.Errorf("the setting is %q: %w", value, err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &had); err != nil {
		return err
	}
	if err := s.SetSetting(ctx, "threads", "2"); err != nil {
		return fmt.Errorf("when it can be written again: %w", err)
	}
	return errors.Join(pages(), s.Archive().Sound(ctx))
}

// openIn lists the files in a folder that this process has open.
func openIn(dir string) (open []string) {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if file, err := os.Readlink(fd); err == nil && strings.HasPrefix(file, dir) {
			open = append(open, file)
		}
	}
	return open
}

func readOnlyRole(ctx context.Context, data, dir string) error {
	s, id, err := small(ctx, data)
	if err != nil {
		return err
	}
	defer s.Close()
	url, stop, err := served(ctx, s, data)
	if err != nil {
		return err
	}
	if err := serveUnwritable(ctx, s, url, id); err != nil {
		return err
	}
	remount := func(flags uintptr) error { return unix.Mount("", data, "", unix.MS_REMOUNT|flags, "") }
	view := filepath.Join(dir, "view")
	if err := errors.Join(os.MkdirAll(view, 0o700), unix.Mount(data, view, "", unix.MS_BIND, ""),
		unix.Mount("", view, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
		return fmt.Errorf("make a read-only view: %w", err)
	}
	stop()
	s.Close()
	// A start says what is wrong, in a sentence, and changes nothing.
	if _, err := store.Open(ctx, filepath.Join(view, "tubelet.db")); err == nil {
		return errors.New("a database on a read-only disk was opened for writing")
	} else if !strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("it says only: %w", err)
	}
	if err := remount(unix.MS_RDONLY); err != nil {
		return fmt.Errorf("make the disk read-only: %w; open here: %v", err, openIn(data))
	}
	if _, err := store.Open(ctx, filepath.Join(data, "tubelet.db")); err == nil || !strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("on a read-only disk it says: %w", err)
	}
	// A backup that lies on a read-only disk can be checked and restored.
	if err := remount(0); err != nil {
		return err
	}
	if s, err = store.Open(ctx, filepath.Join(data, "tubelet.db")); err != nil {
		return fmt.Errorf("writable again: %w", err)
	}
	backups := filepath.Join(dir, "backups")
	if err := mount(backups, "100m"); err != nil {
		return err
	}
	if _, err := vault.Make(ctx, vault.Config{Data: data, Store: s, Dir: backups}); err != nil {
		return err
	}
	if err := unix.Mount("", backups, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := verified(ctx, backups); err != nil {
		return err
	}
	_, err = vault.Restore(ctx, vault.RestoreConfig{Data: filepath.Join(dir, "restored"), Dir: backups})
	return err
}

// mountedRole asks that a restoring refuses, before it changes anything, what it could not
// move: a disk that is mounted on a part, and a folder of the same disk.
func mountedRole(ctx context.Context, data, dir string) error {
	backups, same := filepath.Join(dir, "backups"), filepath.Join(dir, "same")
	s, _, err := small(ctx, filepath.Join(dir, "channel"))
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := vault.Make(ctx, vault.Config{Data: filepath.Join(dir, "channel"), Store: s, Dir: backups}); err != nil {
		return err
	}
	for name, on := range map[string]func(part string) error{
		"another disk": func(part string) error { return mount(part, "1m") },
		"the same": func(part string) error {
			return errors.Join(os.MkdirAll(same, 0o700), unix.Mount(same, part, "", unix.MS_BIND, ""))
		},
	} {
		part := filepath.Join(data, "videos")
		if err := errors.Join(os.MkdirAll(part, 0o700), os.WriteFile(filepath.Join(data, "tubelet.db"), nil, 0o600), on(part)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, dry := range []bool{true, false} {
			_, err := vault.Restore(ctx, vault.RestoreConfig{Data: data, Dir: backups, Replace: true, DryRun: dry})
			if place, ok := errors.AsType[*vault.PlaceError](err); !ok || place.Dir != part || !strings.Contains(place.Why, "unmount") {
				return fmt.Errorf("%s: restoring says %w", name, err)
			}
		}
		if entries, err := os.ReadDir(data); err != nil || len(entries) != 2 {
			return fmt.Errorf("%s: left in the data directory: %v, %w", name, entries, err)
		}
		if err := unix.Unmount(part, 0); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, err = vault.Restore(ctx, vault.RestoreConfig{Data: data, Dir: backups, Replace: true})
	return err
}
