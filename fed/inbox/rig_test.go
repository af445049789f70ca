package inbox_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/inbox"
	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// own is where the inbox under test is.
const own = "http://video.example/inbox"

type object = map[string]any

// evil is a host of strangers, who may be honest.
type evil struct {
	*httptest.Server
	mux  *http.ServeMux
	hits atomic.Int32
}

func newEvil(t testing.TB) *evil {
	e := &evil{mux: http.NewServeMux()}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.hits.Add(1)
		e.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// serve answers at a path with an object.
func (e *evil) serve(path string, o object) {
	e.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		_ = json.NewEncoder(w).Encode(o)
	})
}

// actor is the description of an actor.
func (e *evil) actor(name, keyPEM string) object {
	id := e.URL + "/users/" + name
	return object{
		"id": id, "type": "Person", "preferredUsername": name, "inbox": id + "/inbox",
		"publicKey": object{"id": id + "#main-key", "owner": id, "publicKeyPem": keyPEM},
	}
}

// add serves an honest actor and returns its key.
func (e *evil) add(t testing.TB, name string, private *rsa.PrivateKey) sign.Key {
	t.Helper()
	key := sign.NewKey(e.URL+"/users/"+name+"#main-key", private)
	e.serve("/users/"+name, e.actor(name, publicPEM(t, key)))
	return key
}

func publicPEM(t testing.TB, key sign.Key) string {
	t.Helper()
	text, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// box is an inbox with what is behind it.
type box struct {
	*inbox.Inbox
	store  *store.Store
	social *social.Store
	people *people.People
	woken  atomic.Int32
}

func newBox(t testing.TB) *box {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &box{store: s, social: s.Social()}
	client := remote.New(remote.Config{Agent: "test", Host: "video.example", Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	b.people = people.New(people.Config{Store: b.social, Remote: client, Key: sign.NewKey("http://video.example/users/ada#main-key", newKey(t, 2048))})
	b.Inbox = inbox.New(inbox.Config{
		Store: b.social, People: b.people, Log: slog.New(slog.DiscardHandler), Woken: func() { b.woken.Add(1) },
		Caller: func(r *http.Request) string { return r.Header.Get("X-Caller") },
	})
	return b
}

// rows counts what was taken in.
func (b *box) rows(t testing.TB) int {
	t.Helper()
	n := 0
	lanes, err := b.social.InboxLanes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range lanes {
		for {
			received, err := b.social.Next(t.Context(), lane.Host, time.Now())
			if err != nil {
				break
			}
			n++
			if err := b.social.Worked(t.Context(), received.ID, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// request makes a signed request, which change may spoil before and after it is signed.
func request(t testing.TB, key sign.Key, body []byte) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, own, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/activity+json")
	if err := key.Sign(r, body); err != nil {
		t.Fatal(err)
	}
	r.RequestURI = "/inbox"
	return r
}

func (b *box) ask(r *http.Request) int {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code
}

func encode(t testing.TB, o object) []byte {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func like(e *evil, actor string, number any) object {
	return object{"id": fmt.Sprintf("%s/likes/%v", e.URL, number), "type": "Like", "actor": e.URL + "/users/" + actor, "object": "http://video.example/videos/x"}
}
