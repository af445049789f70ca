//go:build long

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/certs/acmetest"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// The whole program is built with a time.Now that adds what a file says: so the clock on the wall
// is set while the server runs, and time itself goes on evenly, as it does on a real machine.
const (
	steppedNow = "\tsec, nsec, mono := runtimeNow()\n"
	steppedBy  = steppedNow + "\tsec += Step.Load()\n"
	steppedVar = "\n// Step is how many seconds the clock is set ahead.\nvar Step atomic.Int64\n"
	steppedBin = `package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

func init() {
	look := func() {
		text, _ := os.ReadFile(os.Getenv("TUBELET_TEST_STEP"))
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			time.Step.Store(n)
		}
	}
	look()
	go func() {
		for ; ; time.Sleep(10 * time.Millisecond) {
			look()
		}
	}()
}
`
)

func buildStepped(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, standard := t.TempDir(), filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	text, err := os.ReadFile(standard)
	if err != nil {
		t.Fatal(err)
	}
	now := strings.Replace(string(text), steppedNow, steppedBy, 1)
	now = strings.Replace(now, "import (\n", "import (\n\t\"sync/atomic\"\n", 1) + steppedVar
	if strings.Count(now, "Step.Load") != 1 {
		t.Fatal("this Go's time.Now is another; see steppedNow")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := fmt.Sprintf(`{"Replace": {%q: %q, %q: %q}}`,
		standard, filepath.Join(dir, "time.go"), filepath.Join(root, "step_clock.go"), filepath.Join(dir, "main.go"))
	for name, text := range map[string]string{"time.go": now, "main.go": steppedBin, "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "tubelet")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// stepping is a server whose clock is set, and those who have to do with it.
type stepping struct {
	*testing.T
	program, dir, base string
	store              *store.Store
	log                safeLog
	client             *http.Client
	peer               peer
	answers            chan map[string]any // of the tracker
	socket             *websocket.Conn
	ahead              time.Duration
	film               filmed
	hidden, shown      map[string]time.Time // videos that are scheduled, and for when
}

// filmed is what is known of the film that is watched all the time.
type filmed struct {
	ID         string
	Renditions []struct {
		URL, Infohash string
		Bytes         int64
	}
}

// safeLog is written by one and read by another.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// peer is somebody elsewhere who takes what is delivered, or is out of order.
type peer struct {
	mu             sync.Mutex
	refuses        bool
	taken, refused []string // activities
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses {
		p.refused = append(p.refused, string(body))
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p.taken = append(p.taken, string(body))
	w.WriteHeader(http.StatusAccepted)
}

func (p *peer) refuse(refuses bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuses
}

// times counts how often the creation of a video was taken and refused.
func (p *peer) times(id string) (taken, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := func(list []string) (n int) {
		for _, body := range list {
			if strings.Contains(body, `"Create"`) && strings.Contains(body, id) {
				n++
			}
		}
		return n
	}
	return count(p.taken), count(p.refused)
}

// TestClockSteps sets the clock of a running server a day ahead, back, and the same again. Each
// time what was scheduled or put off happens when the clock says so, nothing happens again and
// again, and who is there notices nothing.
func TestClockSteps(t *testing.T) {
	s := &stepping{T: t, dir: t.TempDir(), hidden: map[string]time.Time{}, shown: map[string]time.Time{}, client: &http.Client{Timeout: time.Minute}}
	s.program = buildStepped(t)
	s.start()
	s.look("at first")
	s.until(90*time.Second, "at first: a backup", func() bool { return s.backups() == 1 })
	for i, hours := range []int{24, 0, 24, 0} {
		s.set(i, hours)
	}
	last := s.schedule("The last", 30*time.Second)
	s.look("at last")
	s.until(2*time.Minute, "at last: a video on schedule", func() bool { return s.watchable(last) })
}

func (s *stepping) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stepping) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stepping) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = append(os.Environ(), "TUBELET_DATA="+s.path("data"), "TUBELET_TEST_STEP="+s.path("step"), "TZ=UTC")
	return cmd
}

func (s *stepping) tubelet(args ...string) []byte {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	cmd := s.command(ctx, args...)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("tubelet %v: %v\n%s%s", args, err, out, &faults)
	}
	return out
}

// now is what the server's clock says.
func (s *stepping) now() time.Time { return time.Now().Round(0).Add(s.ahead) }

// start runs the server of a channel with a film, a follower, backups and a limit, and a viewer.
func (s *stepping) start() {
	s.ok(os.WriteFile(s.path("step"), []byte("0"), 0o600))
	here := "127.0.0.1:" + strconv.Itoa(acmetest.FreePort(s))
	s.base = "http://" + here
	s.tubelet("init", "--local", "--domain", here)
	s.ok(os.Mkdir(s.path("backups"), 0o700))
	for key, value := range map[string]string{"seed": "off", "federation.private": "127.0.0.0/8",
		"backup.dir": s.path("backups"), "backup.every": "20h", "upload.rate": "400kB"} {
		s.tubelet("config", "set", key, value)
	}
	s.film.ID = s.publish("The film", "testsrc=s=640x360:r=25:d=10,noise=alls=60:allf=t")
	s.ok(json.Unmarshal(s.tubelet("show", s.film.ID, "--json"), &s.film))
	var err error
	s.store, err = store.Open(s.Context(), filepath.Join(s.path("data"), "tubelet.db"))
	s.ok(err)
	s.Cleanup(func() { s.store.Close() })
	s.follow()
	cmd := s.command(context.WithoutCancel(s.Context()), "serve") // Cleanup ends it
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	s.ok(cmd.Start())
	s.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			s.Errorf("serve ends with %v", err)
		}
		if s.Failed() {
			s.Logf("%s", &s.log)
		}
	})
	s.until(time.Minute, "pages", func() bool { return s.watchable(s.film.ID) })
	s.watch(here)
}

// watch opens the socket of a viewer, who stays.
func (s *stepping) watch(here string) {
	var err error
	s.socket, _, err = websocket.Dial(s.Context(), "ws://"+here+"/tracker/socket", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {s.base}}})
	s.ok(err)
	s.Cleanup(func() { s.socket.CloseNow() })
	s.answers = make(chan map[string]any, 64)
	go func() { // all the time, since reading is what answers pings
		defer close(s.answers)
		for {
			var answer map[string]any
			if wsjson.Read(s.Context(), s.socket, &answer) != nil {
				return
			}
			s.answers <- answer
		}
	}()
}

// publish publishes a film of a few seconds.
func (s *stepping) publish(title, picture string, more ...string) string {
	s.Helper()
	file := s.path(title + ".mp4")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=d=10",
		"-metadata", "title="+title, "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "1500k", "-pix_fmt", "yuv420p", "-g", "50", "-c:a", "aac", "-shortest", file).CombinedOutput(); err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	var event struct{ ID string } // set by one of them
	for line := range bytes.Lines(s.tubelet(append([]string{"publish", file, "--title", title, "--json"}, more...)...)) {
		s.ok(json.Unmarshal(line, &event))
	}
	return event.ID
}

func (s *stepping) talk(title string, more ...string) string {
	s.Helper()
	return s.publish(title, "testsrc=s=320x180:r=10:d=4", more...)
}

// schedule publishes a video for a moment of the server's clock.
func (s *stepping) schedule(title string, in time.Duration) string {
	s.Helper()
	at := s.now().Add(in)
	id := s.talk(title, "--at", at.UTC().Format(time.RFC3339))
	s.hidden[id] = at
	return id
}

func (s *stepping) follow() {
	server := httptest.NewServer(&s.peer)
	s.Cleanup(server.Close)
	id, err := s.store.Social().SaveActor(s.Context(), social.Actor{URI: server.URL + "/u", Host: strings.TrimPrefix(server.URL, "http://"),
		KeyID: server.URL, Inbox: server.URL, SharedInbox: server.URL, FetchedAt: time.Now()})
	s.ok(err)
	_, err = s.store.Social().Follow(s.Context(), social.Person, id, server.URL, true, time.Now())
	s.ok(err)
}

// until waits for something, and returns how long that took.
func (s *stepping) until(patience time.Duration, what string, is func() bool) time.Duration {
	s.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > patience {
			s.Errorf("%s: not within %s", what, patience)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began).Round(100 * time.Millisecond)
}

// set sets the clock, with a delivery put off and a video on schedule, and looks what becomes of
// it all.
func (s *stepping) set(i, hours int) {
	jump := time.Duration(hours)*time.Hour - s.ahead
	when := fmt.Sprintf("%d, set by %+.0f h", i+1, jump.Hours())
	s.peer.refuse(true)
	late := s.talk(fmt.Sprint("Put off ", i))
	s.until(time.Minute, when+": a refused delivery", func() bool { _, refused := s.peer.times(late); return refused > 0 })
	in := 20 * time.Hour // which the clock leaps over
	if jump < 0 {
		in = 5 * time.Minute // which is a day more then, until the clock is set ahead again
	}
	s.schedule(fmt.Sprint("On schedule ", i), in)
	backups, lines, faults := s.backups(), s.lines(""), s.lines("ERROR")

	s.ok(os.WriteFile(s.path("step.part"), fmt.Appendln(nil, hours*3600), 0o600))
	s.ok(os.Rename(s.path("step.part"), s.path("step")))
	s.ahead = time.Duration(hours) * time.Hour
	s.peer.refuse(false)

	s.look(when)
	fresh := s.talk(fmt.Sprint("Fresh ", i))
	seen := s.until(time.Minute, when+": a new video", func() bool { return s.watchable(fresh) })
	told := s.until(30*time.Second, when+": its delivery", func() bool { taken, _ := s.peer.times(fresh); return taken > 0 })
	retold := s.until(90*time.Second, when+": a delivery that was put off", func() bool { taken, _ := s.peer.times(late); return taken > 0 })
	kept := s.until(90*time.Second, when+": a backup", func() bool { return s.backups() > backups })
	s.look(when + ", later")
	for _, id := range []string{fresh, late} {
		if taken, _ := s.peer.times(id); taken != 1 {
			s.Errorf("%s: a creation was told %d times", when, taken)
		}
	}
	s.Logf("%s: a new video seen after %s, told %s later; one put off %s after that; a backup after %s; %d lines of log", when, seen, told, retold, kept, s.lines("")-lines)
	if n := s.backups() - backups; n != 1 || s.lines("")-lines > 60 || s.lines("ERROR") > faults {
		s.Errorf("%s: %d backups, %d lines of log, %d of errors", when, n, s.lines("")-lines, s.lines("ERROR")-faults)
	}
}

func (s *stepping) backups() int {
	list, err := vault.List(s.path("backups"))
	s.ok(err)
	return len(list)
}

// lines counts those of the log that have a word.
func (s *stepping) lines(word string) (n int) {
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, word) {
			n++
		}
	}
	return n
}

// get asks for something, and returns nothing where it is refused.
func (s *stepping) get(url, ranged string) string {
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, url, nil)
	s.ok(err)
	if ranged != "" {
		req.Header.Set("Range", ranged)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		return ""
	}
	return string(body)
}

func (s *stepping) watchable(id string) bool {
	return strings.Contains(s.get(s.base+"/w/"+id, ""), "<video")
}

// look does what visitors do, and sees that what is on schedule keeps to it.
func (s *stepping) look(when string) {
	s.Helper()
	for range 20 {
		if !s.watchable(s.film.ID) || !strings.Contains(s.get(s.base+"/feed.xml", ""), s.film.ID) || s.get(s.base+"/readyz", "") == "" {
			s.Errorf("%s: pages fail", when)
			break
		}
	}
	s.announce(when)
	s.download(when)
	for id, at := range s.hidden {
		if s.now().Before(at.Add(-time.Second)) {
			if s.watchable(id) && s.now().Before(at.Add(-time.Second)) {
				s.Errorf("%s: a video is shown %s too early", when, at.Sub(s.now()))
			}
			continue
		}
		s.until(90*time.Second, when+": a video on schedule", func() bool { return s.watchable(id) })
		s.until(90*time.Second, when+": its delivery", func() bool { taken, _ := s.peer.times(id); return taken > 0 })
		s.shown[id] = at
		delete(s.hidden, id)
	}
	for id := range s.shown {
		if taken, _ := s.peer.times(id); taken != 1 || !s.watchable(id) {
			s.Errorf("%s: a video that was on schedule is told %d times, or not shown any more", when, taken)
		}
	}
}

// announce is what a viewer's browser says once in a while.
func (s *stepping) announce(when string) {
	s.Helper()
	hash, err := metainfo.ParseHash(s.film.Renditions[0].Infohash)
	s.ok(err)
	latin := make([]rune, len(hash))
	for i, b := range hash {
		latin[i] = rune(b)
	}
	s.ok(wsjson.Write(s.Context(), s.socket, map[string]any{"action": "announce", "info_hash": string(latin), "peer_id": "-WW0000-abcdefghijkl", "left": 100, "numwant": 0}))
	select {
	case answer, ok := <-s.answers:
		if !ok || answer["interval"] == nil {
			s.Errorf("%s: the tracker says %v", when, answer)
		}
	case <-time.After(30 * time.Second):
		s.Errorf("%s: the tracker says nothing", when)
	}
}

// download takes about as long as the limit says: a clock that is set is no credit, nor a debt.
func (s *stepping) download(when string) {
	s.Helper()
	const bytes, rate = 1_600_000, 400_000
	began := time.Now()
	n := len(s.get(s.film.Renditions[0].URL, fmt.Sprint("bytes=0-", bytes-1)))
	took := time.Since(began)
	if want := time.Second * bytes / rate; n != bytes || took < want/2 || took > 8*want {
		s.Errorf("%s: %d bytes took %s, want %d in about %s", when, n, took, bytes, want)
	}
}
