package peer_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/peer"
	"github.com/tubelet/tubelet/seed/peer/stun"
)

// askSTUN reports whether the site's UDP port answers.
func (s *site) askSTUN() bool {
	conn, err := net.Dial("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	request := stun.Request()
	if _, err := conn.Write(request); err != nil {
		return false
	}
	answer := make([]byte, 1500)
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := conn.Read(answer)
	return err == nil && stun.Answers(answer[:n], request)
}

func (s *site) state(want string) {
	s.t.Helper()
	s.eventually("state "+want, func() bool { return s.seed.Stats().State == want })
}

// TestPanic: a bug in a library ends the child. The parent goes on answering STUN, starts
// another and serves again.
func TestPanic(t *testing.T) {
	trigger := filepath.Join(t.TempDir(), "panic")
	s := newSite(t, func(c *peer.Config) { c.Command = command(panicArg, trigger) })
	torrent, data := s.publish(2 << 20)
	l := newLeech(s.dialWebRTC(torrent.InfoHash))
	if err := l.start(torrent.InfoHash); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(trigger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.eventually("the crash", func() bool { return s.seed.Stats().Crashes == 1 })
	s.eventually("STUN", s.askSTUN)
	got, err := newLeech(s.dialWebRTC(torrent.InfoHash)).download(torrent)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("after the crash: %d bytes, %v", len(got), err)
	}
	if !strings.Contains(s.said(), "panic: a bug in a library") {
		t.Errorf("the log does not say why:\n%s", s.said())
	}
}

// TestGivesUp: after crash upon crash the seed is off and says so once; all else goes on,
// and it can be switched on again.
func TestGivesUp(t *testing.T) {
	trigger := filepath.Join(t.TempDir(), "panic")
	s := newSite(t, func(c *peer.Config) {
		c.Command = command(panicArg, trigger)
		c.Listen = "127.0.0.1:0"
	})
	torrent, _ := s.publish(1 << 20)
	for s.seed.Stats().State != peer.Failed {
		if err := os.WriteFile(trigger, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		if n := s.seed.Stats().Crashes; n > 20 {
			t.Fatalf("%d crashes and no end", n)
		}
	}
	_ = os.Remove(trigger)
	if n := strings.Count(s.said(), "seeding is off"); n != 1 {
		t.Errorf("said %d times that it is off:\n%s", n, s.said())
	}
	s.eventually("STUN", s.askSTUN)
	if _, err := s.seed.Answer(t.Context(), torrent.InfoHash, "v=0"); !errors.Is(err, peer.ErrOff) {
		t.Errorf("an offer: %v", err)
	}
	s.seed.Switch(true)
	if _, err := newLeech(s.dialTCP()).download(torrent); err != nil {
		t.Errorf("switched on again: %v", err)
	}
}

func TestSwitch(t *testing.T) {
	s := newSite(t, withTCP)
	torrent, _ := s.publish(1 << 20)
	l := newLeech(s.dialTCP())
	if err := l.start(torrent.InfoHash); err != nil {
		t.Fatal(err)
	}
	s.seed.Switch(false)
	s.state(peer.Off)
	_ = l.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		if _, _, err := l.receive(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection lives on")
			}
			break
		}
	}
	s.eventually("STUN", s.askSTUN)
	if _, err := s.seed.Answer(t.Context(), torrent.InfoHash, "v=0"); !errors.Is(err, peer.ErrOff) {
		t.Errorf("an offer: %v", err)
	}
	s.seed.Switch(true)
	if _, err := newLeech(s.dialTCP()).download(torrent); err != nil {
		t.Errorf("switched on again: %v", err)
	}
	if n := s.seed.Stats().Crashes; n != 0 {
		t.Errorf("%d crashes", n)
	}
}

// TestIdle: nobody asks, and there is no child; nobody asks any more, and it ends.
func TestIdle(t *testing.T) {
	s := newSite(t, func(c *peer.Config) { c.Idle = 3 * time.Second }) // a report comes every two
	torrent, _ := s.publish(1 << 20)
	if got := children(t); len(got) != 0 {
		t.Fatalf("processes %v before anybody asks", got)
	}
	s.eventually("STUN by the parent", s.askSTUN)
	conn := s.dialWebRTC(torrent.InfoHash)
	if _, err := newLeech(conn).download(torrent); err != nil {
		t.Fatal(err)
	}
	s.eventually("STUN by the child", s.askSTUN)
	conn.Close()
	s.state(peer.Idle)
	s.eventually("the end of the child", func() bool { return len(children(t)) == 0 })
	s.eventually("STUN by the parent again", s.askSTUN)
	if st := s.seed.Stats(); st.Crashes != 0 || st.Sent["webrtc"] < torrent.Length {
		t.Errorf("%+v", st)
	}
}

// TestRefused: what is not public starts no child, and what is no longer public is no
// longer shared.
func TestRefused(t *testing.T) {
	s := newSite(t, nil)
	torrent, _ := s.publish(1 << 20)
	s.unpublish(torrent.InfoHash)
	if _, err := s.seed.Answer(t.Context(), torrent.InfoHash, "v=0"); !errors.Is(err, errNotPublic) {
		t.Errorf("error %v", err)
	}
	if _, err := s.seed.Answer(t.Context(), torrent.InfoHash, strings.Repeat("x", 1<<20)); err == nil {
		t.Error("an offer of 1 MiB was taken")
	}
	if st := s.seed.Stats(); st.State != peer.Idle {
		t.Errorf("%+v", st)
	}
	torrent, _ = s.publish(1<<20 + 1)
	l := newLeech(s.dialWebRTC(torrent.InfoHash))
	if err := l.start(torrent.InfoHash); err != nil {
		t.Fatal(err)
	}
	s.eventually("sharing", func() bool { return s.seed.Stats().Torrents == 1 })
	s.unpublish(torrent.InfoHash)
	s.eventually("the end of sharing", func() bool { return s.seed.Stats().Torrents == 0 })
}

// TestChildHasNothing: of what we have, the child gets the socket and two pipes.
func TestChildHasNothing(t *testing.T) {
	t.Setenv("TUBELET_SECRET", "of the site")
	s := newSite(t, withTCP)
	s.listening()
	pids := children(t)
	if len(pids) != 1 {
		t.Fatalf("children %v", pids)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pids[0]))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(env), "GOMEMLIMIT=128MiB\x00TUBELET_SEED_SOCKET=3\x00"; got != want {
		t.Errorf("environment %q, want %q", got, want)
	}
	folder := fmt.Sprintf("/proc/%d/fd", pids[0])
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		where, _ := os.Readlink(filepath.Join(folder, f.Name()))
		// Go itself watches how much of the processor it may use.
		if strings.HasPrefix(where, "/") && where != "/dev/null" && !strings.HasPrefix(where, "/sys/fs/cgroup/") {
			t.Errorf("it has %s open", where)
		}
	}
	if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pids[0])); cwd != "/" {
		t.Errorf("it works in %s", cwd)
	}
}

// children lists the processes we started that live.
func children(t *testing.T) (pids []int) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// runParent is a parent of which the test needs the death.
func runParent() int {
	seed := peer.New(peer.Config{Command: command(childArg), Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	go func() {
		for seed.Stats().Listen == "" {
			time.Sleep(5 * time.Millisecond)
		}
		fmt.Println(seed.Stats().Listen)
	}()
	_ = seed.Run(context.Background())
	return 0
}

// TestParentKilled: kill -9 of the parent ends the child.
func TestParentKilled(t *testing.T) {
	parent := exec.Command(os.Args[0], parentArg)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	where, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	where = strings.TrimSpace(where)
	conn, err := net.Dial("tcp", where)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.Dial("tcp", where)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the child lives on")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
