// Package disktest runs a part of a test where it may mount small disks and have a network of
// its own: in name spaces, which need no root on most machines. Who is root and still may not
// has a broken test, and who may not in the first place is told that nothing was tested.
package disktest

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const sysAdmin = 21 // capabilities(7): CAP_SYS_ADMIN

// Run runs a command with mounts of its own, and what more flags say (clone(2)), and returns
// what it printed.
func Run(t *testing.T, cmd *exec.Cmd, more uintptr) string {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER | more,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		if mighty() {
			t.Fatalf("root may not mount a disk here: %v", err)
		}
		t.Skipf("NOT TESTED: this kernel lets nobody but a real root mount a small disk: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

// mighty reports whether this process has the rights of root, which in a container it may lack.
func mighty() bool {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), "\nCapEff:")
	word, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	set, err := strconv.ParseUint(word, 16, 64)
	return err == nil && set&(1<<sysAdmin) != 0
}
