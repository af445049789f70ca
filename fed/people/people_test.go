package people_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

type object = map[string]any

// host is a server of strangers.
type host struct {
	*httptest.Server
	mux  *http.ServeMux
	name string // as in handles
	hits atomic.Int32
}

func newHost(t *testing.T) *host {
	h := &host{mux: http.NewServeMux()}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.hits.Add(1)
		h.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	h.name = strings.TrimPrefix(h.URL, "http://")
	return h
}

func (h *host) serve(path, kind string, o object) {
	h.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_ = json.NewEncoder(w).Encode(o)
	})
}

// actor serves an actor, changed a little.
func (h *host) actor(name string, pem string, change object) string {
	id := h.URL + "/users/" + name
	o := object{
		"id": id, "type": "Person", "preferredUsername": name, "inbox": id + "/inbox", "name": "<b>\x1b[31m" + name,
		"publicKey": object{"id": id + "#main-key", "owner": id, "publicKeyPem": pem}, "endpoints": object{"sharedInbox": h.URL + "/inbox"},
	}
	for key, value := range change {
		o[key] = value
	}
	h.serve("/users/"+name, "application/activity+json", o)
	return id
}

// fingers serves WebFinger: which subject and actor each account has.
func (h *host) fingers(accounts map[string][2]string) {
	h.mux.HandleFunc("GET /.well-known/webfinger", func(w http.ResponseWriter, r *http.Request) {
		found, ok := accounts[r.URL.Query().Get("resource")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/jrd+json")
		_ = json.NewEncoder(w).Encode(object{"subject": found[0], "links": []object{
			{"rel": "self", "type": "application/activity+json", "href": found[1]},
			{"rel": "http://ostatus.org/schema/1.0/subscribe", "template": "https://" + h.name + "/follow?uri={uri}"},
		}})
	})
}

func newPeople(t *testing.T) (*people.People, *social.Store, string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := sign.NewKey("https://video.example/users/ada#main-key", private)
	pem, err := key.PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	client := remote.New(remote.Config{Host: "video.example", Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	return people.New(people.Config{Store: s.Social(), Remote: client, Key: key}), s.Social(), pem
}

func TestActor(t *testing.T) {
	p, _, pem := newPeople(t)
	h, victim := newHost(t), newHost(t)
	h.actor("honest", pem, nil)
	h.serve("/keys/1", "application/activity+json", object{"id": h.URL + "/keys/1", "owner": h.URL + "/users/keybeside", "publicKeyPem": pem})
	for name, test := range map[string]struct {
		change object
		ok     bool
	}{
		"plain":         {nil, true},
		"group":         {object{"type": "Group"}, true},
		"note":          {object{"type": "Note"}, false},
		"inboxaway":     {object{"inbox": victim.URL + "/inbox"}, false},
		"keyaway":       {object{"publicKey": object{"id": victim.URL + "/key", "owner": h.URL + "/users/keyaway", "publicKeyPem": pem}}, false},
		"keyofanother":  {object{"publicKey": object{"id": h.URL + "/users/keyofanother#k", "owner": h.URL + "/users/x", "publicKeyPem": pem}}, false},
		"keysquat":      {object{"publicKey": object{"id": h.URL + "/users/honest#main-key", "owner": h.URL + "/users/keysquat", "publicKeyPem": pem}}, false},
		"keynowhere":    {object{"publicKey": object{"id": h.URL + "/keys/none", "owner": h.URL + "/users/keynowhere", "publicKeyPem": pem}}, false},
		"keybelow":      {object{"publicKey": object{"id": h.URL + "/users/keybelow/main-key", "owner": h.URL + "/users/keybelow", "publicKeyPem": pem}}, true},
		"keybeside":     {object{"publicKey": object{"id": h.URL + "/keys/1", "owner": h.URL + "/users/keybeside", "publicKeyPem": pem}}, true},
		"longinbox":     {object{"inbox": h.URL + "/" + strings.Repeat("x", 2000)}, false},
		"longkey":       {object{"publicKey": object{"id": h.URL + "/users/longkey#k", "owner": h.URL + "/users/longkey", "publicKeyPem": strings.Repeat(" ", 9000) + pem}}, false},
		"nokey":         {object{"publicKey": nil}, false},
		"idaway":        {object{"id": victim.URL + "/users/idaway"}, false},
		"noname":        {object{"preferredUsername": ""}, false},
		"atname":        {object{"preferredUsername": "ada@victim.example"}, false},
		"sharedaway":    {object{"endpoints": object{"sharedInbox": victim.URL + "/inbox"}}, true},
		"javascriptURL": {object{"url": "javascript:alert(1)", "icon": object{"url": "data:x"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			id := h.actor(name, pem, test.change)
			actor, err := p.Actor(t.Context(), id)
			if (err == nil) != test.ok {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if actor.URI != id || actor.Acct != "@"+name+"@"+h.name || strings.Contains(actor.Name, "\x1b") || !strings.HasPrefix(actor.SharedInbox, h.URL) || actor.URL != id || actor.AvatarURL != "" {
				t.Errorf("%+v", actor)
			}
		})
	}
	if victim.hits.Load() > 0 {
		t.Error("the other host was asked")
	}
}

// What is remembered is not asked for again, and what failed not at once.
func TestRemembers(t *testing.T) {
	p, s, pem := newPeople(t)
	h := newHost(t)
	id := h.actor("ada", pem, nil)
	for range 3 {
		if _, err := p.Actor(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.hits.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	for range 3 {
		if _, err := p.Actor(t.Context(), h.URL+"/users/nobody"); err == nil {
			t.Error("found nobody")
		}
	}
	if n := h.hits.Load(); n != 2 {
		t.Errorf("%d fetches", n)
	}
	actor, err := s.Actor(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	actor.FetchedAt = time.Now().Add(-48 * time.Hour)
	if _, err := s.SaveActor(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	h.Close() // the old description is better than none
	if old, err := p.Actor(t.Context(), id); err != nil || old.URI != id {
		t.Errorf("%+v, %v", old, err)
	}
}

// A key of its own address, as GoToSocial has it.
func TestKeyDocument(t *testing.T) {
	p, _, pem := newPeople(t)
	h := newHost(t)
	id := h.URL + "/users/ada"
	key := id + "/main-key"
	h.actor("ada", pem, object{"publicKey": object{"id": key, "owner": id, "publicKeyPem": pem}})
	h.serve("/users/ada/main-key", "application/activity+json", object{"id": key, "owner": id, "publicKeyPem": pem})
	if actor, _, err := p.ByKey(t.Context(), key); err != nil || actor.URI != id {
		t.Errorf("%+v, %v", actor, err)
	}
	h.serve("/key", "application/activity+json", object{"id": h.URL + "/key", "owner": id, "publicKeyPem": pem})
	if actor, _, err := p.ByKey(t.Context(), h.URL+"/key"); err == nil {
		t.Errorf("a key that its owner does not name: %+v", actor)
	}
}

// B8: whom a handle means.
func TestFind(t *testing.T) {
	p, _, pem := newPeople(t)
	h, front, liar := newHost(t), newHost(t), newHost(t)
	id := h.actor("ada", pem, nil)
	acct := func(user string, at *host) string { return "acct:" + user + "@" + at.name }
	h.fingers(map[string][2]string{
		acct("ada", h): {acct("ada", h), id}, acct("ADA", h): {acct("ada", h), id},
		acct("mallory", h): {acct("mallory", h), id},
		acct("none", h):    {acct("none", h), ""},
	})
	front.fingers(map[string][2]string{acct("eve", front): {acct("eve", front), id}})
	split := front.actor("bob", pem, nil)
	front.mux.HandleFunc("GET /x", func(http.ResponseWriter, *http.Request) {})
	liar.fingers(map[string][2]string{
		acct("ada", liar): {acct("ada", liar), id}, // says ada of another host is its own
		acct("sub", liar): {"acct:ada@" + h.name, id},
		acct("odd", liar): {"https://" + h.name + "/", id},
		acct("bob", liar): {acct("bob", liar), split},
	})
	for handle, want := range map[string]string{
		"@ada@" + h.name: id, "ada@" + h.name: id, "ADA@" + h.name: id,
		"mallory@" + h.name: "", "none@" + h.name: "", "nobody@" + h.name: "", "eve@" + front.name: "", "ada@" + liar.name: "", "odd@" + liar.name: "", "bob@" + liar.name: "",
		"ada": "", "@ada": "", "ada@": "", "@@" + h.name: "", "ada@" + h.name + "/x": "", "ada@a@" + h.name: "", "a da@" + h.name: "", "ada@video.example": "", "ada@localhost": "",
		// The other server names the proper handle; that is who it is, and nobody else.
		"sub@" + liar.name: id,
	} {
		actor, err := p.Find(t.Context(), handle)
		if (err == nil) != (want != "") || actor.URI != want {
			t.Errorf("%s: %q, %v", handle, actor.URI, err)
		}
	}
	page, err := p.FollowPage(t.Context(), "@ada@"+h.name, "https://video.example/users/ada?x=1&y")
	if err != nil || page != "https://"+h.name+"/follow?uri=https%3A%2F%2Fvideo.example%2Fusers%2Fada%3Fx%3D1%26y" {
		t.Errorf("%s, %v", page, err)
	}
	if _, err := p.FollowPage(t.Context(), "nobody@"+h.name, "x"); err == nil {
		t.Error("a page for nobody")
	}
	if _, err := p.Find(t.Context(), "x"); !errors.Is(err, people.ErrUnknown) {
		t.Error(err)
	}
}

// A handle of one host, an actor of another, and both say so.
func TestSplitDomain(t *testing.T) {
	p, _, pem := newPeople(t)
	front, back := newHost(t), newHost(t)
	id := back.actor("ada", pem, nil)
	said := [2]string{fmt.Sprintf("acct:ada@%s", front.name), id}
	front.fingers(map[string][2]string{said[0]: said})
	back.fingers(map[string][2]string{"acct:ada@" + back.name: said})
	if actor, err := p.Find(t.Context(), "ada@"+front.name); err != nil || actor.URI != id {
		t.Errorf("%+v, %v", actor, err)
	}
}

// PeerTube signs with the address of the actor in place of that of its key.
func TestActorForKey(t *testing.T) {
	p, _, pem := newPeople(t)
	h := newHost(t)
	id := h.actor("dora", pem, nil)
	for range 2 { // fetched, and then at hand
		actor, key, err := p.ByKey(t.Context(), id)
		if err != nil || actor.URI != id || key == nil {
			t.Fatalf("%+v, %v", actor, err)
		}
	}
	if n := h.hits.Load(); n != 1 || !p.Known(t.Context(), id) {
		t.Errorf("%d fetches", n)
	}
}

// A signature that does not fit makes us ask once in a while, by whichever id the key was named.
func TestRekey(t *testing.T) {
	p, s, pem := newPeople(t)
	h := newHost(t)
	now := time.Now()
	for i := range 40 {
		id := h.actor(fmt.Sprint("a", i), pem, nil)
		actor, _, err := p.ByKey(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		actor, err = s.Actor(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		actor.FetchedAt = now.Add(-time.Hour)
		if i == 0 {
			actor.FetchedAt = now.Add(1000 * time.Hour) // by a clock that was ahead
		}
		if _, err := s.SaveActor(t.Context(), actor); err != nil {
			t.Fatal(err)
		}
	}
	before := h.hits.Load()
	stranger := func(i int) {
		actor, _, err := p.ByKey(t.Context(), h.URL+fmt.Sprint("/users/a", i))
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = p.Rekey(t.Context(), actor, now) // most of them are refused
	}
	for range 20 {
		stranger(0)
	}
	if n := h.hits.Load() - before; n != 1 {
		t.Errorf("one actor was asked for %d times", n)
	}
	for i := range 40 {
		stranger(i)
	}
	if n := h.hits.Load() - before; n != 30 {
		t.Errorf("a host was asked %d times, want 30", n)
	}
}

// What says nothing of an actor does not have it left alone.
func TestNotItsFault(t *testing.T) {
	p, _, pem := newPeople(t)
	h := newHost(t)
	id := h.actor("ada", pem, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Actor(gone, id); err == nil {
		t.Fatal("fetched for nobody")
	}
	var patience atomic.Value
	patience.Store("")
	h.mux.HandleFunc("GET /users/bob", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", patience.Load().(string))
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for range 3 {
		if _, err := p.Actor(t.Context(), h.URL+"/users/bob"); err == nil {
			t.Fatal("no error")
		}
	}
	if n := h.hits.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	patience.Store("600") // is asked for, and given
	for range 3 {
		_, _ = p.Actor(t.Context(), h.URL+"/users/bob")
	}
	if n := h.hits.Load(); n != 4 {
		t.Errorf("asked %d times, want 4", n)
	}
	if _, err := p.Actor(t.Context(), id); err != nil {
		t.Errorf("left alone for no fault of its own: %v", err)
	}
}
