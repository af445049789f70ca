//go:build linux

package work_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/server/work/disk/disktest"
	"github.com/tubelet/tubelet/store"
)

// TestFullDisk runs fullDisk in a mount namespace of its own, where it may mount a small disk.
func TestFullDisk(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TUBELET_TEST_ROLE=fulldisk", "TUBELET_TEST_DATA="+t.TempDir(),
		"TUBELET_TEST_CLIP="+clip(t, "a.avi", "320x180", 10, 3, "-c:v", "mpeg4", "-c:a", "mp3"))
	disktest.Run(t, cmd, 0)
}

func fullDisk() int {
	data := os.Getenv("TUBELET_TEST_DATA")
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, "size=160m"); err != nil {
		fmt.Println("mount:", err)
		return 1
	}
	if err := onFullDisk(context.Background(), data, os.Getenv("TUBELET_TEST_CLIP")); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// onFullDisk fills the disk at each stage and checks what the worker makes of it.
func onFullDisk(ctx context.Context, data, path string) error {
	s, err := openChannel(ctx, data)
	if err != nil {
		return err
	}
	defer s.Close()
	w := work.New(work.Config{Data: data, Store: s, Media: media.New(media.Config{})})
	if err := work.MakeBallast(data); err != nil {
		return err
	}
	if err := refusedForSpace(ctx, w, data, path); err != nil {
		return err
	}
	v, err := w.Publish(ctx, work.Publish{Path: path}, nil)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := fill(data, 0); err != nil {
		return err
	}
	// Not even a row can be written now, but the ballast is given back for that.
	if err := w.Follow(ctx, v.ID, 0, nil); err != nil {
		return fmt.Errorf("follow on a full disk: %w", err)
	}
	if err := waits(ctx, s, v.ID); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(data, "ballast")); err == nil {
		return errors.New("the ballast was not given back")
	}
	if err := os.Remove(filepath.Join(data, "filler")); err != nil {
		return err
	}
	return goesOn(ctx, w, s, v.ID)
}

func refusedForSpace(ctx context.Context, w *work.Worker, data, path string) error {
	if err := fill(data, 10<<20); err != nil {
		return err
	}
	var space *work.SpaceError
	if _, err := w.Publish(ctx, work.Publish{Path: path}, nil); !errors.As(err, &space) || !strings.Contains(err.Error(), data) {
		return fmt.Errorf("no refusal for want of space: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(data, "work")); len(left) > 0 {
		return fmt.Errorf("left behind: %v", left)
	}
	return os.Remove(filepath.Join(data, "filler"))
}

func waits(ctx context.Context, s *store.Store, id string) error {
	jobs, err := s.Jobs(ctx, store.JobList{Video: id, Open: true})
	if err != nil {
		return err
	}
	found := false
	for _, j := range jobs {
		if j.State != store.JobWaiting || !strings.HasPrefix(j.Reason, "waiting for room") {
			return fmt.Errorf("job %s is %s: %s", j.Kind, j.State, j.Reason)
		}
		found = found || j.Kind == "transcode"
	}
	if !found {
		return fmt.Errorf("no transcode waits: %+v", jobs)
	}
	return nil
}

// goesOn checks that the waiting jobs end well once there is room.
func goesOn(ctx context.Context, w *work.Worker, s *store.Store, id string) error {
	jobs, err := s.Jobs(ctx, store.JobList{Video: id, Open: true})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := w.Retry(ctx, j.ID); err != nil {
			return err
		}
	}
	if err := w.Follow(ctx, id, 0, nil); err != nil {
		return fmt.Errorf("follow with room again: %w", err)
	}
	v, err := s.Video(ctx, id)
	if err != nil || v.Media.State != store.Done {
		return fmt.Errorf("not done: %+v %v", v.Media, err)
	}
	return nil
}

// fill leaves about n bytes free.
func fill(data string, n int64) error {
	f, err := os.OpenFile(filepath.Join(data, "filler"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Statfs(data, &st); err != nil {
		return err
	}
	size := int64(st.Bavail)*st.Bsize - n
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	for n == 0 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return nil // to the last byte
		}
	}
	return nil
}
