package vault

import "golang.org/x/sys/unix"

// mountPoint reports whether something is mounted at path, which lies in dir. A bind mount
// has the device of what it shows, so that the kernel is asked; one before Linux 5.8 does
// not say.
func mountPoint(dir, path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	}
	return !SameDisk(dir, path)
}
