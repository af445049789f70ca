package cage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enclose sets on the calling thread every wall that the kernel has, and names them.
func (r Room) enclose() []string {
	var up []string
	if unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != nil {
		return nil // the other walls need this one
	}
	up = append(up, "no new privileges")
	if version := landlockVersion(); version > 0 && r.landlock(version) == nil {
		up = append(up, fmt.Sprintf("landlock %d", version))
	}
	if refuse(r.Devices) == nil {
		up = append(up, "no network")
	}
	return up
}

// What a program may do with the files below a path.
const (
	read   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	run    = read | unix.LANDLOCK_ACCESS_FS_EXECUTE
	device = read | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	own    = read | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE

	// The rights that make sense for a file, as opposed to a folder.
	ofFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// system are the folders that hold programs and libraries, and nobody's data.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"}

// rules lists what is reachable, as patterns of paths.
func (r Room) rules() map[uint64][]string {
	rules := map[uint64][]string{
		run: append(programFolders(r.Program), system...),
		read: {"/etc/ld.so.*", "/etc/ld-musl-*", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/sys/devices/system/node",
			"/dev/urandom", "/dev/random", "/dev/zero"},
		device: {"/dev/null"},
	}
	if r.Dir != "" {
		rules[own] = []string{literal(r.Dir)}
	}
	if r.Devices {
		rules[read] = append(rules[read], "/sys", "/proc", "/run/udev", "/etc/OpenCL", "/etc/vulkan", "/etc/libva.conf", "/etc/nvidia")
		rules[device] = append(rules[device], "/dev/dri", "/dev/video*", "/dev/media*", "/dev/nvidia*", "/dev/dma_heap", "/dev/shm")
	}
	return rules
}

// landlock gives up every file but those of the rules, TCP, and where the kernel knows how,
// other programs' sockets without a file and signals to them.
func (r Room) landlock(version int) error {
	attr := struct{ files, net, scoped uint64 }{files: handled(version)}
	if version >= 4 {
		attr.net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	// Version 6 also keeps signals from our own threads, which the Go runtime sends.
	if version >= 7 {
		attr.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(ruleset))
	for rights, patterns := range r.rules() {
		for _, pattern := range patterns {
			paths, _ := filepath.Glob(pattern)
			for _, path := range paths {
				if fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
					allow(int(ruleset), fd, rights&attr.files)
					unix.Close(fd)
				}
			}
		}
	}
	if r.Input != nil {
		// The file that is open, whatever its path has become.
		allow(int(ruleset), int(r.Input.Fd()), unix.LANDLOCK_ACCESS_FS_READ_FILE)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// allow adds a rule for what fd is open on. A rule that cannot be added gives less, not more.
func allow(ruleset, fd int, rights uint64) {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil {
		return
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFile
	}
	// The kernel's structure is packed: 12 bytes, which the start of ours is.
	rule := struct {
		rights uint64
		fd     int32
	}{rights, int32(fd)}
	unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
}

// landlockVersion is the version of Landlock in this kernel, 0 for none.
func landlockVersion() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// handled are the rights about files that a version knows; those are refused unless allowed.
func handled(version int) uint64 {
	rights := uint64(unix.LANDLOCK_ACCESS_FS_REFER - 1)
	for _, later := range []struct {
		version int
		right   uint64
	}{{2, unix.LANDLOCK_ACCESS_FS_REFER}, {3, unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV}, {9, unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX}} {
		if version >= later.version {
			rights |= later.right
		}
	}
	return rights
}

// Familiar says whether the program at path lies in the system's folders, where all that it
// needs lies too.
func Familiar(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && slices.ContainsFunc(system, func(folder string) bool { return strings.HasPrefix(real, folder+"/") })
}

// programFolders are where a program from elsewhere may have its libraries.
func programFolders(path string) []string {
	real, err := filepath.EvalSymlinks(path)
	if path == "" || err != nil || Familiar(path) {
		return nil
	}
	folders := []string{literal(real)}
	if above := filepath.Dir(filepath.Dir(real)); filepath.Base(filepath.Dir(real)) == "bin" && above != "/" && above != os.Getenv("HOME") {
		folders = append(folders, literal(above)+"/lib", literal(above)+"/lib64")
	}
	return folders
}

// literal escapes what a pattern would take for its own.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
