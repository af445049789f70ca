//go:build !linux

package peer

import (
	"net"
	"syscall"
)

// Without Linux, the end of its input ends the child when we are killed.
func ownGroup() *syscall.SysProcAttr { return nil }

func (p *process) kill() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
	}
}

func yield(int) {}

func nonblocking(*net.UDPConn) error { return nil }
