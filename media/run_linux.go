package media

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ownGroup makes a child the leader of its own process group and lets it die with us,
// even when we are killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// fdPath names an inherited descriptor. Opening it reopens the file with an offset of its own.
func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// Values of ioprio_set(2), which x/sys does not name.
const (
	ioprioProcess = 1
	ioprioIdle    = 3 << 13
)

// A child waits in the shell until its limits are set, and then becomes the program: not one
// byte of a stranger's file is read without them. The names are arguments, never text of
// the script.
const (
	shell = "/bin/sh"
	gate  = `read -r _ <&5; exec "$0" "$@" 5<&-`
)

// confine sets limits on the process pid, which is waiting for them.
func confine(pid int, l limits) error {
	set := func(resource int, value uint64) error {
		// 32-bit kernels know no larger limit than their word.
		if strconv.IntSize == 32 && value > math.MaxUint32 {
			return nil
		}
		hard := value
		if resource == unix.RLIMIT_CPU {
			hard += 5 // the soft limit ends it with a signal of its own, the hard one with a bare kill
		}
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: hard}, nil)
		if errors.Is(err, unix.ESRCH) {
			return nil
		}
		return err
	}
	err := errors.Join(
		set(unix.RLIMIT_CORE, 0),
		set(unix.RLIMIT_NOFILE, 128),
		set(unix.RLIMIT_CPU, uint64(max(l.cpu, time.Second)/time.Second)),
		set(unix.RLIMIT_FSIZE, uint64(l.size)),
	)
	if l.space > 0 {
		err = errors.Join(err, set(unix.RLIMIT_AS, uint64(l.space)))
	}
	if err != nil {
		return fmt.Errorf("limit process: %w", err)
	}
	return nil
}

// yield lowers the priority of pid, where the system lets us.
func yield(pid int, l limits) (err error) {
	if l.nice > 0 {
		err = ended(unix.Setpriority(unix.PRIO_PROCESS, pid, l.nice))
	}
	if l.idle {
		_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioProcess, uintptr(pid), ioprioIdle)
		if errno != 0 {
			err = errors.Join(err, ended(errno))
		}
	}
	return err
}

// ended ignores that the process is already gone.
func ended(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// memory returns the memory in bytes that this machine, or the container that is all we
// see of it, has in all; 0 when unknown.
func memory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	total := int64(info.Totalram) * int64(info.Unit)
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			total = min(total, limit)
		}
	}
	return total
}
