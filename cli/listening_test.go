package cli_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// listening prints what a process and its children listen on, as the kernel has it:
// listening PIDFILE [udp]. With udp it waits until there is a UDP port.
func listening(ts *testscript.TestScript, _ bool, args []string) {
	root := strings.TrimSpace(ts.ReadFile(args[0]))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found := sockets(ts, root)
		if len(args) == 1 || time.Now().After(deadline) || slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "udp") }) {
			fmt.Fprintln(ts.Stdout(), strings.Join(found, "\n"))
			return
		}
	}
}

// sockets are those of a process and its children, one a line, sorted.
func sockets(ts *testscript.TestScript, root string) []string {
	inodes := map[string]bool{}
	for _, pid := range family(ts, root) {
		links, err := filepath.Glob("/proc/" + pid + "/fd/*")
		ts.Check(err)
		for _, link := range links {
			to, err := os.Readlink(link)
			if inode, ok := strings.CutPrefix(to, "socket:["); err == nil && ok { // else closed meanwhile
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var found []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile("/proc/" + root + "/net/" + table)
		ts.Check(err)
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
			f := strings.Fields(line)
			open := f[3] == "0A" || strings.HasPrefix(table, "udp") && f[3] == "07" // listening, or not connected
			if open && inodes[f[9]] {
				found = append(found, table[:3]+" "+kernelAddress(ts, f[1]))
			}
		}
	}
	text, err := os.ReadFile("/proc/" + root + "/net/unix")
	ts.Check(err)
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		if f := strings.Fields(line); f[3] == "00010000" && inodes[f[6]] {
			found = append(found, "unix "+strings.Join(f[7:], " "))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// family is a process and all below it.
func family(ts *testscript.TestScript, root string) []string {
	list := []string{root}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	ts.Check(err)
	for grown := true; grown; {
		grown = false
		for _, file := range stats {
			text, err := os.ReadFile(file)
			pid := filepath.Base(filepath.Dir(file))
			_, rest, ok := strings.Cut(string(text), ") ")
			if f := strings.Fields(rest); err == nil && ok && len(f) > 1 && slices.Contains(list, f[1]) && !slices.Contains(list, pid) {
				list, grown = append(list, pid), true
			}
		}
	}
	return list
}

// kernelAddress reads an address as /proc/net has it: words of four bytes, turned round.
func kernelAddress(ts *testscript.TestScript, text string) string {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	ts.Check(err)
	for i := 0; i+4 <= len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	n, err := strconv.ParseUint(port, 16, 16)
	ts.Check(err)
	if ip := net.IP(b); !ip.IsUnspecified() {
		return net.JoinHostPort(ip.String(), fmt.Sprint(n))
	}
	return fmt.Sprint("*:", n)
}
