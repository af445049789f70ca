//go:build !linux

package media

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup makes a child the leader of its own process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// fdPath names an inherited descriptor.
func fdPath(fd int) string { return "/dev/fd/" + strconv.Itoa(fd) }

// There are no limits to wait for, and no shell to do it.
const shell, gate = "", ""

// confine does nothing: limits on another process exist on Linux only. The watchdog and
// ffmpeg's own limits hold here too.
func confine(int, limits) error { return nil }

// yield lowers the priority of pid.
func yield(pid int, l limits) error {
	if l.nice == 0 {
		return nil
	}
	return unix.Setpriority(unix.PRIO_PROCESS, pid, l.nice)
}

// memory returns the machine's memory in bytes, 0 when unknown.
func memory() int64 { return 0 }
