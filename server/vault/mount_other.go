//go:build !linux

package vault

// mountPoint reports whether something is mounted at path, which lies in dir.
func mountPoint(dir, path string) bool { return !SameDisk(dir, path) }
