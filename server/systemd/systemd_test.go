package systemd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/systemd"
)

// TestMain is the started program too: it says what it was handed.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	// systemd writes the id of the process that it starts; a test cannot know it before.
	if err := os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid())); err != nil {
		panic(err)
	}
	manager, err := systemd.New(os.Getenv, os.Unsetenv)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	main, redirect := manager.Sockets()
	fmt.Println("main", main.Addr(), "redirect", redirect == nil, "left", os.Getenv("LISTEN_FDS")+os.Getenv("NOTIFY_SOCKET")+os.Getenv("WATCHDOG_USEC"), "every", manager.Every())
	for _, err := range []error{manager.Ready("Serving\nvideo.example"), manager.Alive(), manager.Reloading(), manager.Stopping()} {
		if err != nil {
			fmt.Println("error", err)
		}
	}
	os.Exit(0)
}

// TestHandedOver starts a program as systemd does: with an open socket, and one to talk to.
func TestHandedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	ear, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "TEST_CHILD=1", "LISTEN_FDS=1", "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=30000000")
	child.ExtraFiles = []*os.File{f}
	out, err := child.CombinedOutput()
	if want := "main " + l.Addr().String() + " redirect true left  every 15s\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
	for _, want := range []string{"READY=1\nSTATUS=Serving video.example", "WATCHDOG=1", "RELOADING=1\nMONOTONIC_USEC=", "STOPPING=1"} {
		_ = ear.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 1000)
		n, err := ear.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), want) {
			t.Errorf("%q, %v; want %q", buf[:n], err, want)
		}
	}
}

func TestNobody(t *testing.T) {
	unset := func(string) error { return nil }
	for name, env := range map[string]map[string]string{
		"nothing":           {},
		"another's sockets": {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
		"nonsense":          {"LISTEN_FDS": "x", "LISTEN_PID": strconv.Itoa(os.Getpid()), "WATCHDOG_USEC": "-5"},
		"another's dog":     {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
		"too many":          {"LISTEN_FDS": "100000", "LISTEN_PID": strconv.Itoa(os.Getpid())},
	} {
		m, err := systemd.New(func(key string) string { return env[key] }, unset)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		main, redirect := m.Sockets()
		if main != nil || redirect != nil || m.Every() != 0 || m.Ready("x") != nil || m.Stopping() != nil {
			t.Errorf("%s: %v %v %v", name, main, redirect, m.Every())
		}
	}
	if _, err := systemd.New(func(string) string { return "relative" }, unset); err == nil {
		t.Error("a socket that is none is taken")
	}
	var nobody *systemd.Manager
	if main, _ := nobody.Sockets(); main != nil || nobody.Every() != 0 || nobody.Alive() != nil {
		t.Error("nobody says something")
	}
}
