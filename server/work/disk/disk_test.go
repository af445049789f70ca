package disk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/work/disk"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, err := disk.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.TryLock(path); !errors.Is(err, disk.ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := disk.WaitLock(ctx, path, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("waiting: %v", err)
	}
	a.Release()
	b, err := disk.WaitLock(t.Context(), path, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
}

func TestPlaceKeepsTheFirstNameAndReplaces(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for name, content := range map[string]string{from: "new", to: "half"} {
		if err := disk.WriteFile(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time after a stop before the row was committed
		if err := disk.Place(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("there is more than the two files: %v", entries)
	}
	for _, name := range []string{from, to} {
		if got, err := os.ReadFile(name); err != nil || string(got) != "new" {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestBallast(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second finds it there
		if err := disk.MakeBallast(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "ballast"))
	if err != nil || info.Size() != disk.BallastSize || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if !disk.DropBallast(dir) || disk.DropBallast(dir) {
		t.Error("ballast was not dropped once")
	}
}

func TestFullAsksTheDisk(t *testing.T) {
	dir := t.TempDir()
	if disk.Full(dir, nil) || disk.Full(dir, errors.New("something else")) {
		t.Error("an empty disk was called full")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("the question left %v", left)
	}
	// /dev/full is a device that is always full.
	full := os.WriteFile("/dev/full", []byte("x"), 0o600)
	if !disk.Full(dir, full) {
		t.Errorf("%v was not called full", full)
	}
}
