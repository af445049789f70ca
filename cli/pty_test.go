package cli_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// ontty runs a program on a terminal of its own until what it wrote matches, presses Ctrl-C,
// and wants it to end well: ontty PATTERN PROGRAM ARGS...
func ontty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ontty PATTERN PROGRAM ARGS...")
	}
	pattern, err := regexp.Compile("(?s)" + args[0])
	ts.Check(err)
	screen, tty, err := terminal()
	ts.Check(err)
	defer screen.Close()
	path, err := lookPath(args[1], ts.Getenv("PATH"))
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	for _, key := range []string{"TUBELET_DATA", "HOME", "TZ", "PATH"} {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	cmd.Env = append(cmd.Env, "TERM=xterm")
	ts.Check(cmd.Start())
	tty.Close()
	defer cmd.Process.Kill()

	parts := make(chan string)
	go func() {
		defer close(parts)
		b := make([]byte, 4096)
		for {
			n, err := screen.Read(b)
			if err != nil { // the other end is closed
				return
			}
			parts <- string(b[:n])
		}
	}()
	var seen strings.Builder
	late := time.After(30 * time.Second)
	for pressed := false; ; {
		select {
		case part, ok := <-parts:
			seen.WriteString(part)
			if !ok {
				if err := cmd.Wait(); err != nil || !pressed {
					ts.Fatalf("it ended with %v and wrote %q", err, seen.String())
				}
				return
			}
			if !pressed && pattern.MatchString(seen.String()) {
				pressed = true
				_, err := io.WriteString(screen, "\x03")
				ts.Check(err)
			}
		case <-late:
			ts.Fatalf("it wrote %q and goes on", seen.String())
		}
	}
}

// terminal opens a pseudo-terminal of 100 by 40 characters.
func terminal() (screen, tty *os.File, err error) {
	screen, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(screen.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100})
	}
	if err == nil {
		tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	return screen, tty, err
}

func lookPath(name, path string) (string, error) {
	for _, dir := range strings.Split(path, ":") {
		if info, err := os.Stat(dir + "/" + name); err == nil && !info.IsDir() {
			return dir + "/" + name, nil
		}
	}
	return "", fmt.Errorf("no %s in %s", name, path)
}
