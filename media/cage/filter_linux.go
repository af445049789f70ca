package cage

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Machines whose numbers of system calls the filter is sure of.
var machines = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "arm": unix.AUDIT_ARCH_ARM, "riscv64": unix.AUDIT_ARCH_RISCV64,
}

// refused are system calls that reach around the walls: io_uring opens sockets of its own, the
// others look into processes, kernel or keys. The network is refused with socket itself.
var refused = []uint32{
	unix.SYS_IO_URING_SETUP, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_BPF,
	unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT,
}

// Where the kernel shows a call to a filter: struct seccomp_data.
const (
	atNumber  = 0
	atMachine = 4
	atFirst   = 16 // the low half of the first argument, on little-endian machines
	foreign   = 1 << 30
)

// refuse puts a filter of system calls on the calling thread. Drivers of encoders talk to
// local services, so with devices local sockets stay.
func refuse(devices bool) error {
	machine, known := machines[runtime.GOARCH]
	if !known {
		return errors.ErrUnsupported
	}
	program := filter(machine, devices)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// filter is the program in the kernel's own small language. Each check is followed by its
// refusal, so that no jump has to be counted.
func filter(machine uint32, devices bool) []unix.SockFilter {
	const load, equal, atLeast, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
		unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	no := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)}
	program := []unix.SockFilter{
		{Code: load, K: atMachine}, {Code: equal, K: machine, Jt: 1}, no,
		{Code: load, K: atNumber}, {Code: atLeast, K: foreign, Jf: 1}, no, // another set of numbers, on amd64
	}
	for _, call := range refused {
		program = append(program, unix.SockFilter{Code: equal, K: call, Jf: 1}, no)
	}
	if devices {
		program = append(program, unix.SockFilter{Code: equal, K: unix.SYS_SOCKET, Jf: 3},
			unix.SockFilter{Code: load, K: atFirst}, unix.SockFilter{Code: equal, K: unix.AF_UNIX, Jt: 1}, no)
	} else {
		program = append(program, unix.SockFilter{Code: equal, K: unix.SYS_SOCKET, Jf: 1}, no)
	}
	return append(program, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
}
