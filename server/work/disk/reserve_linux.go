package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve gives f n bytes of disk without writing them, or returns errors.ErrUnsupported.
func reserve(f *os.File, n int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, n)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return errors.ErrUnsupported
	}
	return err
}
