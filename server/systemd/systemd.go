// Package systemd speaks with the program that started us, where that is systemd or one
// that does the same: it takes over sockets that are open already (sd_listen_fds), and
// tells when we are ready, reload and stop, and that we still live (sd_notify). Without
// such a program every method does nothing.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Manager is who started us. Nil is nobody.
type Manager struct {
	addr     *net.UnixAddr // nil where it does not listen
	sockets  []net.Listener
	watchdog time.Duration
}

// firstSocket is the descriptor where the sockets begin, by sd_listen_fds(3).
const firstSocket, mostSockets = 3, 16

// New reads what was handed to this process by its environment, and takes it out of
// there, since the programs that we start are not meant.
func New(getenv func(string) string, unset func(string) error) (*Manager, error) {
	m := &Manager{}
	ours := func(key string) bool {
		pid := getenv(key)
		return pid == "" && key == "WATCHDOG_PID" || pid == strconv.Itoa(os.Getpid())
	}
	if path := getenv("NOTIFY_SOCKET"); path != "" {
		if path[0] != '/' && path[0] != '@' {
			return nil, fmt.Errorf("NOTIFY_SOCKET is %q, which is no socket", path)
		}
		m.addr = &net.UnixAddr{Name: path, Net: "unixgram"}
	}
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && ours("WATCHDOG_PID") {
		m.watchdog = time.Duration(usec) * time.Microsecond
	}
	if n, err := strconv.Atoi(getenv("LISTEN_FDS")); err == nil && n > 0 && n <= mostSockets && ours("LISTEN_PID") {
		if err := m.take(n); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		if err := unset(key); err != nil {
			return nil, fmt.Errorf("clear the environment: %w", err)
		}
	}
	return m, nil
}

func (m *Manager) take(n int) error {
	for fd := firstSocket; fd < firstSocket+n; fd++ {
		unix.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "socket "+strconv.Itoa(fd))
		l, err := net.FileListener(f) // a copy
		f.Close()
		if err != nil {
			return fmt.Errorf("take over socket %d: %w", fd, err)
		}
		if _, ok := l.Addr().(*net.TCPAddr); !ok {
			return fmt.Errorf("take over socket %d: it is %s, not tcp", fd, l.Addr().Network())
		}
		m.sockets = append(m.sockets, l)
	}
	return nil
}

// Sockets returns the sockets that were opened for us: one for port 80 apart, when there
// are others.
func (m *Manager) Sockets() (main, redirect net.Listener) {
	if m == nil {
		return nil, nil
	}
	for _, l := range m.sockets {
		if l.Addr().(*net.TCPAddr).Port == 80 && len(m.sockets) > 1 && redirect == nil {
			redirect = l
		} else if main == nil {
			main = l
		}
	}
	return main, redirect
}

// Ready says that requests are taken, and on what.
func (m *Manager) Ready(status string) error { return m.tell("READY=1", "STATUS="+status) }

// Reloading says that settings and certificates are read; Ready says that it is done.
func (m *Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	return m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// Stopping says that we end by ourselves.
func (m *Manager) Stopping() error { return m.tell("STOPPING=1") }

// Alive says that we live.
func (m *Manager) Alive() error { return m.tell("WATCHDOG=1") }

// Every is how often Alive is to be said, 0 for not at all: twice in the time after which
// we are taken for dead.
func (m *Manager) Every() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog / 2
}

func (m *Manager) tell(lines ...string) error {
	if m == nil || m.addr == nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, m.addr)
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer c.Close()
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\n", " ")
	}
	if _, err := c.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
