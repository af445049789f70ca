package cage_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tubelet/tubelet/media/cage"
)

// in runs a script in a room with the folder dir, and returns what it printed.
func in(t *testing.T, room cage.Room, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("/bin/bash", append([]string{"-c", script, "bash"}, args...)...)
	cmd.Dir, cmd.Env = room.Dir, []string{}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if room.Input != nil {
		cmd.ExtraFiles = []*os.File{room.Input}
	}
	ended, err := room.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer ended()
	_ = cmd.Wait() // what it printed is judged
	return out.String()
}

// has says whether the wall is one that this machine has.
func has(wall string) bool {
	return slices.ContainsFunc(cage.Walls(), func(up string) bool { return strings.HasPrefix(up, wall) })
}

// TestRoom lets a program try what it should not get. Where the kernel has no such wall the
// attempt must succeed: then Walls tells the truth, and the program ran all the same.
func TestRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are walls on Linux only")
	}
	secrets, room := t.TempDir(), t.TempDir()
	secret := filepath.Join(secrets, "secret")
	source := filepath.Join(secrets, "source")
	for _, path := range []string{secret, source} {
		if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	input, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	victim := exec.Command("/bin/sleep", "60")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = victim.Process.Kill(), victim.Wait() }()
	attempts := []struct{ name, wall, script, arg string }{
		{"another file", "landlock", `cat "$1"`, secret},
		{"another folder", "landlock", `ls "$1"`, secrets},
		{"the password file", "landlock", `cat /etc/passwd`, ""},
		{"another process's environment", "landlock", `cat /proc/$1/environ`, fmt.Sprint(os.Getpid())},
		{"write beside it", "landlock", `echo x >"$1/new"`, secrets},
		{"write to the source", "landlock", `echo x >/dev/fd/3`, ""},
		{"a device", "landlock", `head -c1 /dev/tty0 /dev/kmsg`, ""},
		{"a shell elsewhere", "landlock", `cp /bin/true ./t && cp ./t "$1/t" && "$1/t"`, secrets},
		{"tcp", "no network", `exec 9<>/dev/tcp/127.0.0.1/$1`, port},
		{"udp", "no network", `exec 9<>/dev/udp/127.0.0.1/$1`, port},
		{"new user", "no network", `unshare -r true`, ""},
	}
	refused := 0
	for _, try := range attempts {
		t.Run(try.name, func(t *testing.T) {
			out := in(t, cage.Room{Input: input, Dir: room}, "{ "+try.script+"; } && echo GOT IT", try.arg)
			if got := strings.Contains(out, "GOT IT") || strings.Contains(out, "content"); got && has(try.wall) {
				t.Errorf("reached: %s", out)
			} else if !got {
				refused++
			}
		})
	}
	if out := in(t, cage.Room{Dir: room}, `kill -9 $1 && echo GOT IT`, fmt.Sprint(victim.Process.Pid)); strings.Contains(out, "GOT IT") && has("landlock 7") {
		t.Errorf("it killed another program: %s", out)
	}
	t.Logf("%d of %d attempts refused; walls here: %v", refused, len(attempts), cage.Walls())
	out := in(t, cage.Room{Input: input, Dir: room}, `cat /dev/fd/3 && echo mine >new && cat new && mv new newer && rm newer && echo >/dev/null && echo fine`)
	if out != "contentmine\nfine\n" {
		t.Errorf("what it may do: %q", out)
	}
}

// TestRoomStaysInside expects that we ourselves can do all we could after many rooms, and
// that their threads are gone.
func TestRoomStaysInside(t *testing.T) {
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() { in(t, cage.Room{Dir: t.TempDir()}, "true") })
	}
	wait.Wait()
	for range 200 {
		wait.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if _, err := os.ReadFile("/etc/passwd"); err != nil {
				t.Error(err)
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			listener.Close()
		})
	}
	wait.Wait()
}

// TestMarks reads what the kernel says of a program in a room.
func TestMarks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are walls on Linux only")
	}
	cmd := exec.Command("/bin/sleep", "60")
	ended, err := cage.Room{}.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait(); ended() }()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for wall, mark := range map[string]string{"no new privileges": "NoNewPrivs:\t1", "no network": "Seccomp:\t2"} {
		if has(wall) && !strings.Contains(string(status), mark) {
			t.Errorf("no %q in\n%s", mark, status)
		}
	}
}

// TestFits has a program that keeps a part of itself where nothing may be read.
func TestFits(t *testing.T) {
	part := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, body string
		want       bool
	}{
		{"all there", "exit 0", true},
		{"a part elsewhere", "cat '" + part + "'", !has("landlock")},
		{"never runs", "exit 1", true},
	}
	for _, test := range tests {
		program := filepath.Join(t.TempDir(), "ffmpeg")
		if err := os.WriteFile(program, []byte("#!/bin/bash\n"+test.body), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := (cage.Room{Program: program}).Fits(t.Context()); got != test.want {
			t.Errorf("%s: fits = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestWalls(t *testing.T) {
	if walls := cage.Walls(); runtime.GOOS == "linux" && len(walls) == 0 {
		t.Error("no wall at all: even old kernels have no-new-privileges")
	}
}

func TestStartFails(t *testing.T) {
	if ended, err := (cage.Room{}).Start(exec.Command("/nonexistent")); err == nil {
		ended()
		t.Error("started")
	}
}
