//go:build long

package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/server/certs/acmetest"
	"github.com/tubelet/tubelet/server/work/disk/disktest"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// TestFullDisk fills the disk under each kind of work while the server runs: the site stays
// readable, the message names the disk, it goes on without a restart once there is room, and
// the ballast has made room for what must be written. See TestOnFullDisk.
func TestFullDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestOnFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "TUBELET_TEST_FULL="+t.TempDir())
	out := disktest.Run(t, cmd, 0)
	_, counts, ok := strings.Cut(out, "full disk: ")
	if !t.Failed() && !ok {
		t.Fatalf("it did not run:\n%s", out)
	}
	line, _, _ := strings.Cut(counts, "\n")
	t.Log(line)
}

// fullDisk is a channel on a small disk, and a server that runs on it.
type fullDisk struct {
	*testing.T
	dir, data, base, id string
	server              *os.Process
	log                 bytes.Buffer
	store               *store.Store
	taken               atomic.Int32
	checks, passed      int
}

// TestOnFullDisk is run by TestFullDisk, where it may mount a small disk.
func TestOnFullDisk(t *testing.T) {
	d := &fullDisk{T: t, dir: os.Getenv("TUBELET_TEST_FULL")}
	if d.dir == "" {
		return // only asked for by TestFullDisk
	}
	d.start()
	rows := []struct {
		name string
		run  func(*fullDisk)
	}{{"publish", (*fullDisk).publish}, {"transcode", (*fullDisk).transcode}, {"deliver", (*fullDisk).deliver}, {"backup", (*fullDisk).backup},
		{"restore", (*fullDisk).restore}, {"migrate", (*fullDisk).migrate}, {"edit and remove", (*fullDisk).remove}}
	passed := 0
	defer func() { t.Logf("full disk: %d of %d rows, %d of %d checks", passed, len(rows), d.passed, d.checks) }()
	for _, row := range rows {
		checks, before := d.checks, d.passed
		row.run(d)
		d.check("the site is readable afterwards", d.readable())
		if d.passed-before == d.checks-checks {
			passed++
		} else {
			d.Errorf("%s: %d of %d", row.name, d.passed-before, d.checks-checks)
		}
	}
}

func (d *fullDisk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// check counts.
func (d *fullDisk) check(what string, err error) {
	d.Helper()
	d.checks++
	if err != nil {
		d.Errorf("%s: %v", what, err)
		return
	}
	d.passed++
}

func (d *fullDisk) tubelet(args ...string) (string, error) {
	cmd := exec.Command("tubelet", args...)
	cmd.Env = append(os.Environ(), "TUBELET_DATA="+d.data, "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("tubelet %v: %w: %s", args, err, out)
	}
	return string(out), err
}

func (d *fullDisk) must(args ...string) string {
	d.Helper()
	out, err := d.tubelet(args...)
	d.ok(err)
	return out
}

// refused asks that a command fails, and says which disk is full and what to do.
func (d *fullDisk) refused(dir string, args ...string) {
	d.Helper()
	out, err := d.tubelet(args...)
	switch {
	case err == nil:
		err = fmt.Errorf("%v went well on a full disk: %s", args, out)
	case strings.Contains(out, dir) && strings.Contains(out, "make room"):
		err = nil
	}
	d.check("it names the disk", err)
}

func (d *fullDisk) start() {
	disk := filepath.Join(d.dir, "disk")
	d.ok(os.MkdirAll(disk, 0o700))
	d.ok(unix.Mount("tmpfs", disk, "tmpfs", 0, "size=260m"))
	d.data, d.base = filepath.Join(disk, "data"), "http://127.0.0.1:"+strconv.Itoa(acmetest.FreePort(d))
	d.must("init", "--local", "--domain", strings.TrimPrefix(d.base, "http://"))
	d.must("config", "set", "seed", "off")
	d.must("config", "set", "federation.private", "127.0.0.0/8")
	d.clip("web.mp4", "libx264", "aac")
	d.clip("more.mp4", "libx264", "aac")
	d.clip("old.avi", "mpeg4", "mp3")
	d.must("publish", filepath.Join(d.dir, "web.mp4"), "--title", "A talk")
	var list []struct{ ID string }
	d.ok(json.Unmarshal([]byte(d.must("ls", "--json")), &list))
	d.id = list[0].ID
	var err error
	d.store, err = store.Open(d.Context(), filepath.Join(d.data, "tubelet.db"))
	d.ok(err)
	d.Cleanup(func() { d.store.Close() })
	d.follower()
	cmd := exec.Command("tubelet", "serve", "--data", d.data)
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	d.ok(cmd.Start())
	d.server = cmd.Process
	d.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			d.Errorf("serve ends with %v", err)
		}
		if d.Failed() {
			d.Logf("%s", &d.log)
		}
	})
	d.within("pages", d.readable)
}

func (d *fullDisk) clip(name, video, audio string) {
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x180:r=10:d=4", "-f", "lavfi", "-i", "sine=d=4",
		"-metadata", "title="+name, "-c:v", video, "-pix_fmt", "yuv420p", "-g", "20", "-c:a", audio, "-shortest", filepath.Join(d.dir, name)).CombinedOutput()
	if err != nil {
		d.Fatalf("%v\n%s", err, out)
	}
}

// follower is somebody elsewhere who takes what is delivered.
func (d *fullDisk) follower() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		d.taken.Add(1)
		w.WriteHeader(http.StatusAccepted)
	}))
	d.Cleanup(server.Close)
	people := d.store.Social()
	id, err := people.SaveActor(d.Context(), social.Actor{URI: server.URL + "/u", Host: strings.TrimPrefix(server.URL, "http://"), KeyID: server.URL,
		Inbox: server.URL, SharedInbox: server.URL, FetchedAt: time.Now()})
	d.ok(err)
	_, err = people.Follow(d.Context(), social.Person, id, server.URL, true, time.Now())
	d.ok(err)
}

// within waits for something.
func (d *fullDisk) within(what string, is func() error) {
	d.Helper()
	err := is()
	for end := time.Now().Add(90 * time.Second); err != nil && time.Now().Before(end); err = is() {
		time.Sleep(100 * time.Millisecond)
	}
	d.check(what, err)
}

// readable asks for pages and for a part of a film.
func (d *fullDisk) readable() error {
	for path, want := range map[string]string{"/": "A talk", "/w/" + d.id: "<video", "/feed.xml": d.id, "/search?q=talk": d.id, "/media/" + d.id + "/1/180p.mp4": "ftyp"} {
		res, err := http.Get(d.base + path)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			return fmt.Errorf("%s: %s, %w", path, res.Status, err)
		}
	}
	return nil
}

// fill takes the disk to its last byte, but for n of them.
func (d *fullDisk) fill(n int64) {
	d.Helper()
	disk := filepath.Dir(d.data)
	f, err := os.Create(filepath.Join(disk, "filler"))
	d.ok(err)
	defer f.Close()
	var st unix.Statfs_t
	d.ok(unix.Statfs(disk, &st))
	d.ok(unix.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-n))
}

func (d *fullDisk) unfill() {
	d.Helper()
	d.ok(os.Remove(filepath.Join(filepath.Dir(d.data), "filler")))
}

// ballast reports whether it is there.
func (d *fullDisk) ballast() error {
	_, err := os.Stat(filepath.Join(d.data, "ballast"))
	return err
}

// still runs do while the server stands still, so that it meets what do has made all at once.
func (d *fullDisk) still(do func()) {
	d.Helper()
	d.ok(d.server.Signal(syscall.SIGSTOP))
	defer func() { d.ok(d.server.Signal(syscall.SIGCONT)) }()
	do()
}

func (d *fullDisk) publish() {
	d.fill(10 << 20)
	d.refused(d.data, "publish", filepath.Join(d.dir, "more.mp4"))
	d.check("the site is readable", d.readable())
	d.unfill()
	_, err := d.tubelet("publish", filepath.Join(d.dir, "more.mp4"), "--title", "More")
	d.check("it goes on", err)
}

// transcode has the server begin to encode on a full disk: not even a row can be written then,
// and the ballast is given back for that.
func (d *fullDisk) transcode() {
	d.still(func() {
		d.must("publish", filepath.Join(d.dir, "old.avi"), "--title", "Old", "--no-wait")
		d.fill(0)
	})
	jobs := func(want string) func() error {
		return func() error {
			out, err := d.tubelet("jobs", "--json")
			if err == nil && !strings.Contains(out, want) {
				err = errors.New(out)
			}
			return err
		}
	}
	d.within("it waits and names the disk", jobs("waiting for room: the disk that holds "+d.data))
	d.check("the site is readable", d.readable())
	var err error
	if d.ballast() == nil {
		err = errors.New("it is still there")
	}
	d.check("the ballast was given back", err)
	d.unfill()
	var list []struct{ ID int64 }
	d.ok(json.Unmarshal([]byte(d.must("jobs", "--json")), &list))
	for _, j := range list {
		_, _ = d.tubelet("jobs", "retry", strconv.FormatInt(j.ID, 10)) // or it would take its minute
	}
	d.within("it goes on", func() error {
		out, err := d.tubelet("jobs", "--json")
		if err == nil && strings.TrimSpace(out) != "[]" {
			err = errors.New(out)
		}
		return err
	})
	d.within("the ballast is made again", d.ballast)
}

// deliver has something told on a full disk, without a ballast that could help: that it was sent
// cannot be stored, and still it is sent once.
func (d *fullDisk) deliver() {
	waits := func() error {
		n, _, err := d.store.Social().Queue(d.Context())
		news, err2 := d.store.Social().News(d.Context())
		if err == nil && err2 == nil && n+len(news) > 0 {
			err = fmt.Errorf("%d wait", n+len(news))
		}
		return errors.Join(err, err2)
	}
	d.within("what was told before is delivered", waits)
	before := d.taken.Load()
	d.still(func() {
		d.must("reply", d.id, "Part two comes on Friday.")
		d.ok(os.Remove(filepath.Join(d.data, "ballast")))
		d.fill(0)
	})
	once := func() error {
		if n := d.taken.Load() - before; n != 1 {
			return fmt.Errorf("sent %d times", n)
		}
		return nil
	}
	d.within("it is sent", once)
	time.Sleep(12 * time.Second) // in which it is tried twice to store that
	d.check("it is sent once", once())
	d.check("the site is readable", d.readable())
	if waits() == nil {
		d.Fatal("the disk was not full")
	}
	d.unfill()
	d.within("it goes on", waits)
	d.check("it was sent once", once())
	d.within("the ballast is made again", d.ballast)
}

func (d *fullDisk) backup() {
	dir := filepath.Join(filepath.Dir(d.data), "backups")
	d.ok(os.MkdirAll(dir, 0o700))
	d.fill(0)
	d.refused(dir, "backup", dir)
	d.check("the site is readable", d.readable())
	d.unfill()
	_, err := d.tubelet("backup", dir)
	if err == nil {
		_, err = d.tubelet("backup", "verify", dir)
	}
	d.check("it goes on", err)
}

func (d *fullDisk) restore() {
	dir, from := filepath.Join(filepath.Dir(d.data), "restored"), filepath.Join(filepath.Dir(d.data), "backups")
	d.ok(os.MkdirAll(dir, 0o700))
	d.fill(0)
	d.refused(dir, "restore", from, "--data", dir)
	d.check("the site is readable", d.readable())
	d.unfill()
	_, err := d.tubelet("restore", from, "--data", dir)
	if err == nil {
		_, err = d.tubelet("verify", "--data", dir)
	}
	d.check("it goes on", err)
}

// migrate has a command open a database of the first version.
func (d *fullDisk) migrate() {
	dir := filepath.Join(filepath.Dir(d.data), "older")
	d.ok(os.MkdirAll(dir, 0o700))
	dump, err := os.ReadFile(filepath.Join("..", "store", "testdata", "v1.sql"))
	d.ok(err)
	d.ok(oldDatabase(d.Context(), filepath.Join(dir, "tubelet.db"), string(dump)))
	d.fill(0)
	d.refused(dir, "config", "set", "threads", "2", "--data", dir)
	d.check("the site is readable", d.readable())
	d.unfill()
	_, err = d.tubelet("config", "set", "threads", "2", "--data", dir)
	d.check("it goes on", err)
}

// remove shows that the creator can make room on a disk that has none: what is small goes on,
// by the ballast.
func (d *fullDisk) remove() {
	d.within("the ballast is made again", d.ballast)
	d.fill(0)
	_, err := d.tubelet("edit", d.id, "--title", "A talk, again")
	d.check("a video can be edited", err)
	var list []struct{ ID, Title string }
	d.ok(json.Unmarshal([]byte(d.must("ls", "--json")), &list))
	for _, v := range list {
		if v.Title != "More" {
			continue
		}
		_, err := d.tubelet("rm", v.ID, "--yes")
		d.check("a video can be removed", err)
		res, err := http.Get(d.base + "/w/" + v.ID)
		d.ok(err)
		res.Body.Close()
		if res.StatusCode != http.StatusGone && res.StatusCode != http.StatusNotFound {
			err = errors.New(res.Status)
		}
		d.check("it is gone", err)
		d.check("the site is readable", d.readable())
		d.unfill()
		return
	}
	d.Fatal("nothing to remove")
}

// oldDatabase makes a database of an older version from its dump.
func oldDatabase(ctx context.Context, path, dump string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, dump)
	return errors.Join(err, db.Close())
}
