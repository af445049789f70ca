package idle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// unmapProgram lets go of the pages of the program's file.
func unmapProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("look at the memory: %w", err)
	}
	defer f.Close()
	list, err := untouched(f, program)
	if err != nil {
		return fmt.Errorf("look at the memory: %w", err)
	}
	for _, m := range list {
		if _, _, no := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); no != 0 {
			err = errors.Join(err, fmt.Errorf("let go of the program's pages: %w", no))
		}
	}
	return err
}

// untouched returns the mappings of a file that can be read anew from it at any time: those
// that nobody may write to, and that have no page that differs from the file, as one has
// that was relocated at the start or holds a breakpoint. smaps is as in proc_pid_smaps(5).
func untouched(smaps io.Reader, file string) ([]mapping, error) {
	var list []mapping
	var here mapping
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		if m, ok := head(line, file); ok {
			here = m
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		switch {
		case strings.Contains(key, "-"): // the head of another mapping
			here = mapping{}
		case key == "Anonymous" && here.to > 0 && strings.TrimSpace(value) == "0 kB":
			list = append(list, here)
		}
	}
	return list, lines.Err()
}

// head reads the first line of a mapping, and reports whether it is of the file and for
// reading alone.
func head(line, file string) (mapping, bool) {
	// from-to rwxp offset device inode   path
	f := strings.SplitN(line, " ", 6)
	if len(f) < 6 || strings.TrimLeft(f[5], " ") != file || strings.Contains(f[1], "w") {
		return mapping{}, false
	}
	from, to, _ := strings.Cut(f[0], "-")
	a, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return mapping{}, false
	}
	b, err := strconv.ParseUint(to, 16, 64)
	return mapping{uintptr(a), uintptr(b)}, err == nil && b > a
}
