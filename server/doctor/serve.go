package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// server is what is known of a server on the data folder.
type server struct {
	known bool // whether this system tells
	runs  bool
	pid   int
}

// server finds the process that holds the server's lock in the kernel's list
// (proc_locks(5)). To try the lock itself could stop a server that is just starting.
func (w *world) server() server {
	list := w.read("proc/locks")
	if _, err := os.Stat(filepath.Join(w.Root, "proc/locks")); err != nil {
		return server{}
	}
	info, err := os.Stat(filepath.Join(w.Data, "serve.lock"))
	if err != nil {
		return server{known: true}
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return server{}
	}
	inode := ":" + strconv.FormatUint(uint64(stat.Ino), 10)
	for line := range strings.Lines(list) {
		// 1: FLOCK  ADVISORY  WRITE 1234 fe:01:131 0 EOF; "->" marks who waits
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], inode) {
			continue
		}
		pid, _ := strconv.Atoi(f[4]) // 0 for a process of another container
		return server{true, true, pid}
	}
	return server{known: true}
}

// running is D13.
func running(_ context.Context, w *world) Finding {
	s := w.server()
	switch {
	case !s.known:
		return skip("this system does not tell")
	case !s.runs:
		return warn("No server runs on this folder.", "Start it: sudo systemctl start tubelet, or tubelet serve.")
	case s.pid == 0:
		return fine("runs")
	}
	return fine("runs, as process %d", s.pid)
}

// listens returns the addresses on which the server of these settings listens.
func (w *world) listens() []string {
	if w.Channel.Local {
		return nil
	}
	list := []string{w.Settings["listen"]}
	_, port, _ := net.SplitHostPort(list[0])
	switch plain := w.Settings["listen.redirect"]; {
	case w.tls() == "off" || plain == "off":
	case plain == "auto" && port == "443":
		list = append(list, ":80")
	case plain != "auto" && plain != "":
		list = append(list, plain)
	}
	return list
}

// ports is D12: whether the server could listen if it were started now.
func ports(ctx context.Context, w *world) Finding {
	if w.Channel.Local {
		return skip("this channel is for this machine only")
	}
	running := w.server()
	if running.runs {
		return fine("the server has them: %s", strings.Join(w.listens(), ", "))
	}
	found := fine("free: %s", strings.Join(w.listens(), ", "))
	for _, addr := range w.listens() {
		found = worst(found, tryListen(ctx, addr))
	}
	return found
}

func tryListen(ctx context.Context, addr string) Finding {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		l.Close()
		return fine("free")
	case errors.Is(err, syscall.EADDRINUSE):
		return fail("Another program listens on %s.", fmt.Sprintf("sudo ss -ltnp shows which: stop it, or put Tubelet behind it (docs/proxy.md). The address is the setting listen: %s", addr), addr)
	case errors.Is(err, syscall.EACCES):
		return warn("This user may not listen on %s.", "Start the server by its unit, which gives the permission: tubelet init --systemd, or tubelet install.", addr)
	}
	return fail("The server could not listen on %s: %v.", "Give an address of this machine: tubelet config set listen :443", addr, err)
}
