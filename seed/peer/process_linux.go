package peer

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup keeps the terminal's Ctrl-C from the child, which we end ourselves, and ends it
// when we are killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func (p *process) kill() {
	if p.cmd.Process != nil {
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	}
}

// yield lets pages go first, and the kernel end the seed before them when memory is short.
// Where that is not allowed, the seed is a process like any other.
func yield(pid int) {
	_ = unix.Setpriority(unix.PRIO_PGRP, pid, 5)
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("500"), 0)
}

// nonblocking makes conn a socket that Go's poller can wait for again.
func nonblocking(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetNonblock(int(fd), true) })
	return errors.Join(err, failed)
}
