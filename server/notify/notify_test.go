package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
	"github.com/tubelet/tubelet/store/social"
)

// world is a channel whose creator is told by a webhook.
type world struct {
	*Watcher
	t       *testing.T
	now     time.Time
	free    int64
	status  int // what the receiver answers
	got     []hook
	heads   []http.Header
	bodies  []string
	actor   int64
	counter int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now(), free: 50, status: http.StatusOK}
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if w.status == http.StatusOK {
			var h hook
			if json.Unmarshal(body, &h) == nil {
				w.got = append(w.got, h)
			}
			w.heads, w.bodies = append(w.heads, r.Header), append(w.bodies, string(body))
		}
		rw.WriteHeader(w.status)
	}))
	t.Cleanup(receiver.Close)
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.Watcher = w.restart(data, db)
	w.ok(db.CreateChannel(t.Context(), store.Channel{Handle: "me", Domain: "video.example", Name: "Me", CreatedAt: w.now}))
	w.ok(db.SetSetting(t.Context(), "notify.url", receiver.URL+"/secret-topic"))
	w.ok(db.CreateVideo(t.Context(), store.NewVideo{Video: store.Video{ID: "k3v9x2m1qa", UUID: "u", Title: "A talk", Visibility: store.Public}}))
	w.actor, err = db.Social().SaveActor(t.Context(), social.Actor{URI: "https://a.example/ada", Acct: "@ada@a.example", Host: "a.example", Name: "Ada", FetchedAt: w.now})
	w.ok(err)
	return w
}

func (w *world) restart(data string, db *store.Store) *Watcher {
	return &Watcher{Data: data, Store: db, Space: func(string) (int64, int64, error) { return w.free, 100, nil }}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// look looks after some time has passed and returns what was told.
func (w *world) look(after time.Duration) []hook {
	w.t.Helper()
	w.now, w.got = w.now.Add(after), nil
	w.ok(w.RunOnce(w.t.Context(), w.now))
	return w.got
}

func (w *world) comment(text string, state social.State) {
	w.t.Helper()
	w.counter++
	_, _, err := w.Store.Social().AddComment(w.t.Context(), social.Comment{
		Video: "k3v9x2m1qa", Actor: w.actor, Acct: "@ada@a.example", Name: "Ada", URI: fmt.Sprintf("https://a.example/%d", w.counter),
		HTML: text, State: state, PublishedAt: w.now,
	})
	w.ok(err)
}

func TestDigest(t *testing.T) {
	w := newWorld(t)
	w.comment("<p>of the past</p>", social.Shown)
	if got := w.look(0); len(got) != 0 {
		t.Fatalf("the past was told: %+v", got)
	}
	w.comment("<p>Hello &amp; <b>thanks</b></p>", social.Shown)
	w.comment("buy\r\nthis", social.Held)
	w.comment("hidden", social.Hidden)
	_, err := w.Store.Social().Follow(t.Context(), social.Person, w.actor, "f", true, w.now.Add(time.Second))
	w.ok(err)
	got := w.look(time.Minute)
	want := []Item{
		{"comment", "@ada@a.example", "Hello & thanks", "https://video.example/w/k3v9x2m1qa"},
		{"held", "@ada@a.example", "buy this", "https://video.example/w/k3v9x2m1qa"},
		{"follower", "@ada@a.example", "Ada", ""},
	}
	if len(got) != 1 || got[0].Title != "New: 2 comments and a follower" || got[0].Event != Digest || got[0].Channel != "@me@video.example" {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(want, got[0].Items); diff != "" {
		t.Error(diff)
	}
	// Nothing twice, neither now nor after a restart, and the next not before its time.
	w.comment("another", social.Shown)
	if got := w.look(time.Minute); len(got) != 0 {
		t.Errorf("too soon: %+v", got)
	}
	w.Watcher = w.restart(w.Data, w.Store)
	if got := w.look(time.Minute); len(got) != 0 {
		t.Errorf("after a restart: %+v", got)
	}
	if got := w.look(time.Hour); len(got) != 1 || got[0].Title != "New: a comment" {
		t.Errorf("%+v", got)
	}
	if got := w.look(24 * time.Hour); len(got) != 0 {
		t.Errorf("nothing was new: %+v", got)
	}
}

func TestDigestIsBounded(t *testing.T) {
	w := newWorld(t)
	w.look(0)
	for range 30 {
		w.comment(strings.Repeat("long ", 500), social.Shown)
	}
	got := w.look(time.Minute)
	if len(got) != 1 || len(got[0].Items) != shown || !strings.HasSuffix(got[0].Text, "and 10 more") || len(got[0].Text) > 20_000 {
		t.Fatalf("%d messages", len(got))
	}
	if got := w.look(time.Hour); len(got) != 0 {
		t.Errorf("the rest came as news: %+v", got)
	}
}

// TestBrokenReceiver looks that nothing is lost while the way is broken, that it is not
// knocked at each minute, and that its address is not told.
func TestBrokenReceiver(t *testing.T) {
	w := newWorld(t)
	w.look(0)
	w.comment("kept", social.Shown)
	w.status = http.StatusInternalServerError
	w.now = w.now.Add(time.Minute)
	err := w.RunOnce(t.Context(), w.now)
	if err == nil || strings.Contains(err.Error(), "secret-topic") {
		t.Fatalf("%v", err)
	}
	way, err := State(w.Data, byWeb)
	if err != nil || !strings.Contains(way.Error, "answered 500") || way.FailedAt.IsZero() {
		t.Errorf("%+v %v", way, err)
	}
	if err := w.RunOnce(t.Context(), w.now.Add(time.Second)); err != nil {
		t.Error("it was tried again at once:", err)
	}
	w.status = http.StatusOK
	if got := w.look(2 * time.Minute); len(got) != 1 || !strings.Contains(got[0].Text, "kept") {
		t.Errorf("%+v", got)
	}
	if way, _ := State(w.Data, byWeb); way.Error != "" {
		t.Errorf("%+v", way)
	}
}

func TestJobs(t *testing.T) {
	w := newWorld(t)
	w.look(0)
	fail := func() {
		_, err := w.Store.Enqueue(t.Context(), store.Job{Kind: "transcode", Video: "k3v9x2m1qa", Rev: 1})
		w.ok(err)
		job, err := w.Store.ClaimJob(t.Context(), time.Now().Add(time.Second))
		w.ok(err)
		w.ok(w.Store.FailJob(t.Context(), job.ID, "ffmpeg\x1b[31m died", false))
	}
	fail()
	w.now = time.Now()
	got := w.look(time.Minute)
	if len(got) != 1 || got[0].Event != Job || !strings.Contains(got[0].Text, "transcode of k3v9x2m1qa: ffmpeg [31m died") {
		t.Fatalf("%+v", got)
	}
	fail()
	fail()
	if got := w.look(time.Minute); len(got) != 0 {
		t.Errorf("too soon: %+v", got)
	}
	if got := w.look(jobsEvery); len(got) != 1 || got[0].Title != "2 jobs failed" {
		t.Errorf("%+v", got)
	}
}

func TestDisk(t *testing.T) {
	w := newWorld(t)
	w.look(0)
	for _, step := range []struct {
		free  int64
		after time.Duration
		told  int
	}{{11, time.Minute, 0}, {9, time.Minute, 1}, {8, time.Minute, 0}, {11, time.Minute, 0}, {9, time.Minute, 0}, {13, time.Minute, 0}, {9, time.Minute, 1}, {9, remind, 1}} {
		w.free = step.free
		got := slices.DeleteFunc(w.look(step.after), func(h hook) bool { return h.Event == Backup })
		if len(got) != step.told || len(got) == 1 && got[0].Event != Disk {
			t.Errorf("%d %% free: %+v", step.free, got)
		}
	}
}

func TestCertificate(t *testing.T) {
	w := newWorld(t)
	w.ok(w.Store.SetSetting(t.Context(), "tls", "auto"))
	w.look(0)
	put := func(s certs.State) {
		text, err := json.Marshal(s)
		w.ok(err)
		w.ok(os.MkdirAll(filepath.Join(w.Data, "tls"), 0o700))
		w.ok(os.WriteFile(filepath.Join(w.Data, "tls", "state.json"), text, 0o600))
	}
	for _, step := range []struct {
		state certs.State
		title string
	}{
		{certs.State{Mode: "auto", NotAfter: w.now.Add(60 * 24 * time.Hour)}, ""},
		{certs.State{Mode: "auto", NotAfter: w.now.Add(8*24*time.Hour + time.Hour), LastError: "no route"}, "The certificate of video.example ends in 8 days"},
		{certs.State{Mode: "auto", NotAfter: w.now.Add(7 * 24 * time.Hour)}, ""},
		{certs.State{Mode: "auto", NotAfter: w.now.Add(90 * 24 * time.Hour)}, ""},
		{certs.State{Mode: "auto", Failures: 3, LastError: "x"}, "There is no certificate for video.example"},
		{certs.State{Mode: "auto", Holds: 5, LastError: "x"}, ""},
		{certs.State{Mode: "auto", Holds: 6, LastError: "x"}, "There is no certificate for video.example"},
	} {
		put(step.state)
		got := w.look(time.Minute)
		title := ""
		if len(got) > 0 {
			title = got[0].Title
		}
		if title != step.title || len(got) > 1 {
			t.Errorf("%+v: told %q, want %q", step.state, title, step.title)
		}
	}
}

func TestBackup(t *testing.T) {
	w := newWorld(t)
	w.look(0)
	if got := w.look(7 * 24 * time.Hour); len(got) != 0 {
		t.Errorf("a new channel: %+v", got)
	}
	if got := w.look(2 * 24 * time.Hour); len(got) != 1 || got[0].Title != "There is no backup of the channel yet" {
		t.Errorf("%+v", got)
	}
	w.ok(w.Store.Archive().Made(t.Context(), archive.Last{At: w.now}))
	w.ok(w.Store.SetSetting(t.Context(), "backup.dir", "/mnt/backup"))
	if got := w.look(25 * time.Hour); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	w.ok(w.Store.Archive().Failed(t.Context(), w.now, "no such folder"))
	if got := w.look(26 * time.Hour); len(got) != 1 || !strings.Contains(got[0].Text, "no such folder") {
		t.Errorf("%+v", got)
	}
}

func TestNtfy(t *testing.T) {
	w := newWorld(t)
	w.ok(w.Store.SetSetting(t.Context(), "notify.format", "ntfy"))
	w.look(0)
	w.free = 1
	w.look(time.Minute)
	if len(w.heads) != 1 || w.heads[0].Get("Title") != "The disk is nearly full: 0.0 GB are free" || w.heads[0].Get("Priority") != "4" ||
		w.heads[0].Get("Click") != "https://video.example" || !strings.Contains(w.bodies[0], "D02") {
		t.Errorf("%+v %q", w.heads, w.bodies)
	}
}

func TestNothingSetUp(t *testing.T) {
	w := newWorld(t)
	w.ok(w.Store.SetSetting(t.Context(), "notify.url", ""))
	w.comment("x", social.Shown)
	w.look(0)
	w.look(24 * time.Hour)
	if _, err := os.Stat(filepath.Join(w.Data, bookFile)); err == nil {
		t.Error("it remembers what nobody is told")
	}
	if ways, err := Ways(t.Context(), w.Store); err != nil || len(ways) != 0 {
		t.Errorf("%v %v", ways, err)
	}
	if err := Try(t.Context(), w.Store, byMail); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestDamagedMemory looks that a file cut short by a fault does not silence it.
func TestDamagedMemory(t *testing.T) {
	w := newWorld(t)
	w.look(0)
	w.ok(os.WriteFile(filepath.Join(w.Data, bookFile), []byte("{"), 0o600))
	w.look(time.Minute)
	w.comment("x", social.Shown)
	if got := w.look(time.Hour); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	info, err := os.Stat(filepath.Join(w.Data, bookFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestRunEnds(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nBcc: x": "a Bcc: x", "\x1b[31mred\x07": "[31mred", "  a \t b ": "a b", "a\u202eb": "a b", "\x00": "", "日本": "日本",
	} {
		if got := clean(in, 100); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat("é", 10), 3); got != "ééé..." {
		t.Error(got)
	}
	if got := plain("<p>a</p><p>b &lt;script&gt;</p>"); strings.Join(strings.Fields(got), " ") != "a b <script>" {
		t.Error(got)
	}
	if bytes.Contains((settings{}).letter(Message{Title: "x\r\nBcc: evil@example.com", At: time.Unix(0, 0)}, "a@b.example", "c@d.example"), []byte("\nBcc")) {
		t.Error("a title made a header")
	}
}
