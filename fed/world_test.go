package fed_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/fed/web"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// tubelet is one channel with a server around its part of the fediverse.
type tubelet struct {
	*fed.Fed
	store  *store.Store
	data   string
	url    string
	key    sign.Key
	client *remote.Client
	mux    *http.ServeMux
	n      int // activities made up so far
}

func writeKey(t *testing.T, data string) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(data, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "keys", "actor.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return private
}

// newTubelet starts a channel on a port of its own. It works on nothing before run.
func newTubelet(t *testing.T, handle string) *tubelet {
	t.Helper()
	return newTubeletOn(t, handle, ground{listen: func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}})
}

// ground is what a channel stands on.
type ground struct {
	listen func(http.Handler) (domain string)
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil for the real network
}

func newTubeletOn(t *testing.T, handle string, on ground) *tubelet {
	t.Helper()
	b := &tubelet{data: t.TempDir()}
	private := writeKey(t, b.data)
	var err error
	if b.store, err = store.Open(t.Context(), filepath.Join(b.data, "tubelet.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	mux := http.NewServeMux()
	b.mux = mux
	domain := on.listen(mux)
	b.url = "http://" + domain
	if err := b.store.CreateChannel(t.Context(), store.Channel{Handle: handle, Domain: domain, Local: true, Name: "Channel " + handle, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	cfg := config(b.data, b.store, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
	cfg.Dial = on.dial
	if b.Fed, err = fed.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	b.key = sign.NewKey(b.person()+"#main-key", private)
	b.client = remote.New(remote.Config{Agent: "test", Host: domain, Private: loopback(), Dial: on.dial})
	t.Cleanup(b.client.Close)
	route(mux, b.Fed)
	return b
}

func config(data string, s *store.Store, log *slog.Logger) fed.Config {
	return fed.Config{
		Data: data, Store: s, Local: true, Version: "test", Private: loopback(), Log: log,
		Prose:  func(text string) string { return "<p>" + html.EscapeString(text) + "</p>" },
		Viewed: func(id string) { _ = s.AddViews(context.Background(), map[string]int64{id: 1}) },
		Facts:  func(context.Context, store.Video) (vocab.Facts, error) { return vocab.Facts{}, nil },
		Caller: func(r *http.Request) string { return r.RemoteAddr },
	}
}

// route answers as the server does.
func route(mux *http.ServeMux, f *fed.Fed) {
	for pattern, make := range f.Web().Open() {
		mux.HandleFunc(pattern, document(make))
	}
	for pattern, make := range f.Web().Objects() {
		mux.HandleFunc(pattern, document(make))
	}
	mux.Handle("POST /inbox", f.Inbox())
	mux.Handle("POST /users/{name}/inbox", f.Inbox())
}

func document(make func(context.Context, *http.Request) (web.Document, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		doc, err := make(r.Context(), r)
		var gone *web.GoneError
		switch {
		case errors.As(err, &gone):
			w.WriteHeader(http.StatusGone)
		case err != nil:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("Content-Type", doc.Type)
			_, _ = w.Write(doc.Body)
		}
	}
}

// run works in the background until the test ends, or stop is called.
func (b *tubelet) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	all.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(stop)
	return stop
}

func (b *tubelet) site(t *testing.T) vocab.Site {
	t.Helper()
	site, err := b.Site(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func (b *tubelet) person() string {
	site, err := b.Site(context.Background())
	if err != nil {
		return ""
	}
	return site.Person()
}

// does makes an activity of this channel's person.
func (b *tubelet) does(kind string, object any, more ...any) vocab.Object {
	b.n++
	activity := vocab.Object{
		"@context": "https://www.w3.org/ns/activitystreams", "id": fmt.Sprintf("%s/activities/test/%d", b.url, b.n), "type": kind,
		"actor": b.person(), "object": object, "to": []string{vocab.Public}, "cc": []string{},
	}
	for i := 0; i+1 < len(more); i += 2 {
		activity[more[i].(string)] = more[i+1]
	}
	return activity
}

// publish makes a video that everybody sees.
func (b *tubelet) publish(t *testing.T, title string) store.Video {
	t.Helper()
	rendition := store.Rendition{Height: 360, File: "360p.mp4", Playlist: "360p.m3u8", Width: 640, PixHeight: 360, FPS: 30, Bytes: 1000}
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: title, Visibility: store.Public}}
	v.Media.HasVideo = true
	if err := b.store.CreateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if err := b.store.AddRenditions(t.Context(), v.ID, 1, []store.Rendition{rendition}, true, nil); err != nil {
		t.Fatal(err)
	}
	video, err := b.store.Video(t.Context(), v.ID)
	if err != nil || !video.Listed() {
		t.Fatalf("%+v, %v", video, err)
	}
	return video
}

// waitFor polls until something is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (b *tubelet) counts(t *testing.T, video string) social.Counts {
	t.Helper()
	counts, err := b.store.Social().Counts(t.Context(), video)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func encode(t *testing.T, o vocab.Object) []byte {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// queued returns what came in from a host and was not worked on.
func (b *tubelet) queued(t *testing.T, host string) []vocab.Object {
	t.Helper()
	db, err := lite.Connect(filepath.Join(b.data, "tubelet.db"), 1, "&_query_only=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	bodies, err := lite.All(t.Context(), db, lite.Value[string], "select body from inbox where state = 'queued' and host = ?", host)
	if err != nil {
		t.Fatal(err)
	}
	var list []vocab.Object
	for _, body := range bodies {
		o, err := vocab.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	return list
}

// settled waits until everything from another channel was worked on.
func (b *tubelet) settled(t *testing.T, from *tubelet) {
	t.Helper()
	waitFor(t, "all worked on", func() bool { return len(b.queued(t, strings.TrimPrefix(from.url, "http://"))) == 0 })
}

func (b *tubelet) waitComment(t *testing.T, uri string) (c social.Comment) {
	t.Helper()
	waitFor(t, "comment "+uri, func() (there bool) {
		var err error
		c, err = b.store.Social().CommentByURI(t.Context(), uri)
		return err == nil
	})
	return c
}

// note is what this channel's person wrote in answer to something.
func (b *tubelet) note(name, to, content string) vocab.Object {
	return vocab.Object{
		"id": b.url + "/notes/" + name, "type": "Note", "attributedTo": b.person(), "inReplyTo": to, "content": content,
		"published": time.Now().UTC().Format(time.RFC3339), "to": []string{vocab.Public}, "cc": []string{},
	}
}

// serve is note, which is there when it is asked for.
func (b *tubelet) serve(name, to, content string) vocab.Object {
	note := b.note(name, to, content)
	b.mux.HandleFunc("GET /notes/"+name, func(w http.ResponseWriter, _ *http.Request) { answer(w, note) })
	return note
}

// endless serves a thread without an end, and returns how often it was asked.
func (b *tubelet) endless() func() int {
	var n atomic.Int32
	b.mux.HandleFunc("GET /endless/{n}", func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		number, _ := strconv.Atoi(r.PathValue("n"))
		note := b.note("x", fmt.Sprintf("%s/endless/%d", b.url, number+1), "<p>more</p>")
		note["id"] = b.url + r.URL.Path
		answer(w, note)
	})
	return func() int { return int(n.Load()) }
}

func answer(w http.ResponseWriter, o vocab.Object) {
	w.Header().Set("Content-Type", "application/activity+json")
	_ = json.NewEncoder(w).Encode(o)
}
