package fed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/server/work/disk/disktest"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// D11: a disk that fills while deliveries are on their way. See TestOnFullDisk.
func TestFullDisk(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	disk := t.TempDir()
	cmd := exec.Command(self, "-test.run=^TestOnFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "TUBELET_TEST_DISK="+disk, "TMPDIR="+disk)
	if out := disktest.Run(t, cmd, 0); !t.Failed() && !strings.Contains(out, "--- PASS: TestOnFullDisk") {
		t.Error(out)
	}
}

// full counts what could not be stored.
type full struct {
	slog.Handler
	n atomic.Int32
}

func (f *full) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (f *full) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "cannot work for a host" {
		f.n.Add(1)
	}
	return nil
}

// disk is the small one that the channel is on.
type disk struct{ dir string }

// fill writes until nothing more can be written, what SQLite keeps for its next commits included.
func (d disk) fill(data string) error {
	db, err := lite.Connect(filepath.Join(data, "tubelet.db"), 1, "&_busy_timeout=5000")
	if err != nil {
		return err
	}
	if err := errors.Join(exec1(db.Exec("pragma wal_checkpoint(truncate)")), db.Close()); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		return err
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if errors.Is(err, unix.ENOSPC) {
		return nil
	}
	return err
}

func exec1(_ any, err error) error { return err }

// TestOnFullDisk is run by TestFullDisk, where it may mount a small disk: the disk is full when the
// first inboxes have taken what they were sent. They do not get it again and again, what comes in is
// for the sender to send again, and with room again all goes on by itself.
func TestOnFullDisk(t *testing.T) {
	small := disk{os.Getenv("TUBELET_TEST_DISK")}
	if small.dir == "" {
		return // only asked for by TestFullDisk
	}
	if err := unix.Mount("tmpfs", small.dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Fatal(err)
	}
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	seen := &full{Handler: slog.DiscardHandler}
	var err error
	if a.Fed, err = fed.New(t.Context(), config(a.data, a.store, slog.New(seen))); err != nil {
		t.Fatal(err)
	}
	const hosts = 4
	var mu sync.Mutex
	got, filled := map[string]int{}, sync.OnceFunc(func() {
		if err := small.fill(a.data); err != nil {
			t.Error(err)
		}
	})
	people := a.store.Social()
	for i := range hosts {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			o, err := vocab.Parse(body)
			if err != nil {
				t.Error(err)
			}
			filled()
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprint(i, " ", o.ID())]++
			w.WriteHeader(http.StatusAccepted)
		}))
		defer server.Close()
		id, err := people.SaveActor(t.Context(), social.Actor{URI: server.URL + "/u", Host: server.Listener.Addr().String(), KeyID: server.URL, Inbox: server.URL, SharedInbox: server.URL, FetchedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := people.Follow(t.Context(), social.Person, id, server.URL, true, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	first := a.publish(t, "A film")
	second := a.publish(t, "Another")
	a.run(t)
	// Each of them fails to store how it went, and once more some seconds later.
	waitFor(t, "a disk that is full", func() bool { return seen.n.Load() >= 2*hosts })
	if err := b.client.Post(t.Context(), a.url+"/inbox", b.key, encode(t, b.does("Like", a.site(t).Video(first.ID)))); !isBusy(err) {
		t.Errorf("what comes in is answered with %v", err)
	}
	mu.Lock()
	for what, n := range got {
		if n != 1 {
			t.Errorf("%s was sent %d times", what, n)
		}
	}
	mu.Unlock()
	if err := os.Remove(filepath.Join(small.dir, "filler")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an empty queue", func() bool { all, _, err := people.Queue(t.Context()); return err == nil && all == 0 })
	third := a.publish(t, "After")
	create := func(v string) string { return a.site(t).Activity("create", v) }
	waitFor(t, "all of it", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 3*hosts })
	mu.Lock()
	defer mu.Unlock()
	for i := range hosts {
		for _, v := range []string{first.ID, second.ID, third.ID} {
			if n := got[fmt.Sprint(i, " ", create(v))]; n != 1 {
				t.Errorf("host %d had %s %d times", i, create(v), n)
			}
		}
	}
}

// isBusy reports whether a sender will try again.
func isBusy(err error) bool {
	status, answered := errors.AsType[*remote.StatusError](err)
	return answered && status.Code >= 500
}
