package disk

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	// BallastSize is how much MakeBallast reserves.
	BallastSize = 64 << 20
	// lowWater is the free space below which a failure is the full disk's.
	lowWater = 4 << 20
)

// Free returns how much an unprivileged process can still write to the disk of dir.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// Full reports whether err comes from the disk of dir being full. ffmpeg and SQLite tell that
// in words and codes of their own, and a quota shows in no statistic, so the disk is asked.
func Full(dir string, err error) bool {
	if err == nil {
		return false
	}
	if isFull(err) {
		return true
	}
	free, ferr := Free(dir)
	if ferr == nil && free < lowWater {
		return true
	}
	return isFull(tryWrite(dir))
}

func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// tryWrite writes a megabyte to the disk of dir and takes it back.
func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, "try-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 1<<20))
	return errors.Join(err, f.Sync(), f.Close())
}

// MakeBallast reserves 64 MiB in the data directory, unless they are.
func MakeBallast(data string) error {
	path := filepath.Join(data, "ballast")
	if info, err := os.Stat(path); err == nil && info.Size() == BallastSize {
		return nil
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("make ballast: %w", err)
	}
	if err = reserve(f, BallastSize); errors.Is(err, errors.ErrUnsupported) {
		// Noise, since a file system that compresses would store zeros in no space.
		_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), BallastSize)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part)
		return fmt.Errorf("make ballast: %w", err)
	}
	return Sync(data)
}

// DropBallast gives the reserved space back and reports whether there was any.
func DropBallast(data string) bool {
	return os.Remove(filepath.Join(data, "ballast")) == nil
}

// KeepBallast makes the ballast again once there is ample room for it.
func KeepBallast(data string) error {
	if _, err := os.Stat(filepath.Join(data, "ballast")); err == nil {
		return nil
	}
	if free, err := Free(data); err != nil || free < 4*BallastSize {
		return err
	}
	return MakeBallast(data)
}
