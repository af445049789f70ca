package inbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-fed/httpsig"

	"github.com/tubelet/tubelet/fed/inbox"
	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store"
)

func TestTakesIn(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	key := e.add(t, "ada", newKey(t, 2048))
	body := encode(t, like(e, "ada", 1))
	for range 3 { // A6: again and again
		if code := b.ask(request(t, key, body)); code != http.StatusAccepted {
			t.Fatal(code)
		}
	}
	if n := b.rows(t); n != 1 || b.woken.Load() != 1 {
		t.Errorf("%d rows, woken %d times", n, b.woken.Load())
	}
	if code := b.ask(request(t, key, body)); code != http.StatusAccepted || b.rows(t) != 0 {
		t.Error("worked on again after it was done")
	}
	if n := e.hits.Load(); n != 1 {
		t.Errorf("%d fetches for one key", n)
	}
	nameless := like(e, "ada", 2)
	delete(nameless, "id")
	for range 2 {
		if code := b.ask(request(t, key, encode(t, nameless))); code != http.StatusAccepted {
			t.Error(code)
		}
	}
	if n := b.rows(t); n != 1 {
		t.Errorf("%d rows of an activity without an id", n)
	}
}

// A1 to A5: what is wrong with the request itself is refused before anybody is asked.
func TestSignatures(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	private := newKey(t, 2048)
	key := e.add(t, "ada", private)
	other := sign.NewKey(key.ID, newKey(t, 2048))
	body := encode(t, like(e, "ada", 1))
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	edit := func(name, old, new string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, strings.Replace(r.Header.Get(name), old, new, 1)) }
	}
	dated := func(d time.Duration) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Date", time.Now().Add(d).UTC().Format(http.TimeFormat))
			r.Header.Del("Signature")
			r.Header.Del("Digest") // the library does not put it there twice
			r.Header.Set("Host", r.Host)
			signer, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256, []string{httpsig.RequestTarget, "host", "date", "digest"}, httpsig.Signature, 0)
			if err == nil {
				err = signer.SignRequest(private, key.ID, r, body)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name  string
		key   sign.Key
		spoil func(*http.Request)
		want  int
		asks  bool
	}{
		{"honest", key, func(*http.Request) {}, 202, true},
		{"A1 unsigned", key, func(r *http.Request) { r.Header.Del("Signature") }, 401, false},
		{"A2 garbage", key, header("Signature", "x"), 401, false},
		{"A2 truncated", key, func(r *http.Request) { h := r.Header.Get("Signature"); r.Header.Set("Signature", h[:len(h)-40]+`"`) }, 401, true},
		{"A2 wrong key", other, func(*http.Request) {}, 401, true},
		{"A2 twice", key, func(r *http.Request) { r.Header.Add("Signature", "x") }, 401, false},
		{"A3 no digest", key, func(r *http.Request) { r.Header.Del("Digest") }, 401, false},
		{"A3 digest of another", key, header("Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), 401, false},
		{"A3 body changed", key, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(string(body) + " ")) }, 401, false},
		{"A4 date not covered", key, edit("Signature", " date", ""), 401, false},
		{"A4 digest not covered", key, edit("Signature", " digest", ""), 401, false},
		{"A4 host not covered", key, edit("Signature", " host", ""), 401, false},
		{"A4 target not covered", key, edit("Signature", "(request-target) ", ""), 401, false},
		{"A5 -2 h", key, dated(-2 * time.Hour), 401, false},
		{"A5 -30 min", key, dated(-30 * time.Minute), 202, true},
		{"A5 +10 min", key, dated(10 * time.Minute), 401, false},
		{"A5 malformed", key, header("Date", "yesterday"), 401, false},
		{"A5 absent", key, func(r *http.Request) { r.Header.Del("Date") }, 401, false},
		{"A10 algorithm none", key, edit("Signature", `algorithm="hs2019"`, `algorithm="none"`), 401, false},
		{"A10 algorithm HMAC", key, edit("Signature", `algorithm="hs2019"`, `algorithm="hmac-sha256"`), 401, false},
		{"another host", key, func(r *http.Request) { r.Host = "other.example" }, 401, true},
		{"another path", key, func(r *http.Request) { r.RequestURI = "/users/ada/inbox" }, 401, true},
		{"content type", key, header("Content-Type", "text/plain"), 415, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := e.hits.Load()
			r := request(t, test.key, body)
			r.Header.Set("X-Caller", test.name)
			test.spoil(r)
			if code := b.ask(r); code != test.want {
				t.Errorf("answered %d, want %d", code, test.want)
			}
			if !test.asks && e.hits.Load() != before {
				t.Error("somebody was asked")
			}
			if n := b.rows(t); n > 0 && test.want != 202 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A7 to A9 and A12: whose key it is.
func TestKeys(t *testing.T) {
	b, e, victim := newBox(t), newEvil(t), newEvil(t)
	private := newKey(t, 2048)
	eve := e.add(t, "eve", private)
	victim.add(t, "ada", newKey(t, 2048))
	e.add(t, "ada", newKey(t, 2048))

	stolen := e.actor("thief", publicPEM(t, eve))
	stolen["publicKey"].(object)["owner"] = victim.URL + "/users/ada"
	e.serve("/users/thief", stolen)
	other := e.actor("other", publicPEM(t, eve))
	other["publicKey"].(object)["id"] = e.URL + "/users/other#second"
	e.serve("/users/other", other)
	foreign := e.actor("foreign", publicPEM(t, eve))
	foreign["id"] = victim.URL + "/users/ada"
	e.serve("/users/foreign", foreign)
	e.mux.HandleFunc("GET /users/upload", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_ = json.NewEncoder(w).Encode(e.actor("upload", publicPEM(t, eve)))
	})

	forged := like(victim, "ada", 1)
	create := object{"id": victim.URL + "/c/1", "type": "Create", "actor": victim.URL + "/users/ada", "object": object{"id": victim.URL + "/n/1", "type": "Note"}}
	for _, test := range []struct {
		name  string
		keyID string
		what  object
		want  int
		rows  int
	}{
		{"A7 another host's actor", eve.ID, forged, 401, 0},
		{"A7 id of another host", eve.ID, object{"id": victim.URL + "/likes/1", "type": "Like", "actor": e.URL + "/users/eve", "object": "x"}, 401, 0},
		{"A8 owner is another", e.URL + "/users/thief#main-key", like(e, "thief", 2), 401, 0},
		{"A8 key has another id", e.URL + "/users/other#main-key", like(e, "other", 3), 401, 0},
		{"B6 id is not its address", e.URL + "/users/foreign#main-key", like(e, "foreign", 4), 401, 0},
		{"B7 an upload as an actor", e.URL + "/users/upload#main-key", like(e, "upload", 5), 401, 0},
		{"A9 another actor of the host", eve.ID, like(e, "ada", 6), 401, 0},
		{"A11 passed on: a hint", eve.ID, create, 202, 1},
		{"A12 our own host", "http://video.example/users/ada#main-key", object{"id": "http://video.example/1", "type": "Like", "actor": "http://video.example/users/ada"}, 401, 0},
		{"A12 metadata", "https://169.254.169.254/key", object{"id": "https://169.254.169.254/1", "type": "Like", "actor": "https://169.254.169.254/a"}, 401, 0},
		{"A12 file", "file:///etc/passwd", object{"id": "file:///1", "type": "Like", "actor": "file:///a"}, 401, 0},
		{"a long id", eve.ID, object{"id": e.URL + "/" + strings.Repeat("x", 2000), "type": "Like", "actor": e.URL + "/users/eve"}, 400, 0},
		{"no actor", eve.ID, object{"id": e.URL + "/1", "type": "Like"}, 400, 0},
		{"no type", eve.ID, object{"id": e.URL + "/1", "actor": e.URL + "/users/eve"}, 400, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request(t, sign.NewKey(test.keyID, private), encode(t, test.what))
			r.Header.Set("X-Caller", test.name)
			if code := b.ask(r); code != test.want {
				t.Errorf("answered %d, want %d", code, test.want)
			}
			if n := b.rows(t); n != test.rows {
				t.Errorf("%d rows, want %d", n, test.rows)
			}
		})
	}
}

// A12 again, with the client that has no test network: nothing inside is connected to.
func TestNothingInside(t *testing.T) {
	e := newEvil(t)
	private := newKey(t, 2048)
	key := e.add(t, "ada", private)
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client := remote.New(remote.Config{Host: "video.example"})
	b := inbox.New(inbox.Config{
		Store: s.Social(), People: people.New(people.Config{Store: s.Social(), Remote: client, Key: key}), Log: slog.New(slog.DiscardHandler), Woken: func() {},
		Caller: func(r *http.Request) string { return "" },
	})
	for _, host := range []string{e.URL, strings.Replace(e.URL, "http:", "https:", 1), strings.Replace(e.URL, "127.0.0.1", "localhost", 1)} {
		w := httptest.NewRecorder()
		body := encode(t, object{"id": host + "/1", "type": "Like", "actor": host + "/users/ada", "object": "x"})
		b.ServeHTTP(w, request(t, sign.NewKey(host+"/users/ada#main-key", private), body))
		if w.Code != http.StatusUnauthorized || e.hits.Load() > 0 {
			t.Errorf("%s: answered %d, %d connections", host, w.Code, e.hits.Load())
		}
	}
}

// A10: keys that are too small, too large, or no RSA keys.
func TestOddKeys(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	private := newKey(t, 2048)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: newKey(t, 2048).N, E: 65537}
	for range 3 { // 16384 bits; making a real one takes minutes, and nobody gets to use it
		huge.N = huge.N.Mul(huge.N, huge.N)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"small": &small.PublicKey, "huge": huge, "curve": &curve.PublicKey, "none": nil} {
		t.Run(name, func(t *testing.T) {
			text := "no key"
			if key != nil {
				der, err := x509.MarshalPKIXPublicKey(key)
				if err != nil {
					t.Fatal(err)
				}
				text = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
			}
			e.serve("/users/"+name, e.actor(name, text))
			r := request(t, sign.NewKey(e.URL+"/users/"+name+"#main-key", private), encode(t, like(e, name, 1)))
			if code := b.ask(r); code != http.StatusUnauthorized {
				t.Error(code)
			}
		})
	}
}

// A13: many keys from one address, and one key again and again.
func TestManyKeys(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	private := newKey(t, 2048)
	codes := map[int]int{}
	for i := range 100 {
		name := fmt.Sprintf("u%d", i)
		r := request(t, sign.NewKey(e.URL+"/users/"+name+"#main-key", private), encode(t, like(e, name, i)))
		codes[b.ask(r)]++
	}
	if e.hits.Load() > 11 || codes[429] < 85 { // a minute may begin meanwhile
		t.Errorf("%d fetches, answers %v", e.hits.Load(), codes)
	}
	e.hits.Store(0)
	for range 10 {
		r := request(t, sign.NewKey(e.URL+"/users/same#main-key", private), encode(t, like(e, "same", 1)))
		r.Header.Set("X-Caller", "another")
		b.ask(r)
	}
	if n := e.hits.Load(); n != 1 {
		t.Errorf("%d fetches of one key that is not there", n)
	}
}

// A key that was changed is asked for anew, but not again and again.
func TestNewKey(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	first, second := newKey(t, 2048), newKey(t, 2048)
	key := e.add(t, "ada", first)
	if code := b.ask(request(t, key, encode(t, like(e, "ada", 1)))); code != 202 {
		t.Fatal(code)
	}
	changed := sign.NewKey(key.ID, second)
	if code := b.ask(request(t, changed, encode(t, like(e, "ada", 2)))); code != 401 || e.hits.Load() != 1 {
		t.Errorf("answered %d after %d fetches: asked again at once", code, e.hits.Load())
	}
	actor, err := b.social.Actor(t.Context(), e.URL+"/users/ada")
	if err != nil {
		t.Fatal(err)
	}
	actor.KeyPEM = publicPEM(t, sign.NewKey("", newKey(t, 2048))) // as if it was fetched long ago, and another
	actor.FetchedAt = time.Now().Add(-time.Hour)
	if _, err := b.social.SaveActor(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	b.people.Forget(actor)
	if code := b.ask(request(t, key, encode(t, like(e, "ada", 3)))); code != 202 || e.hits.Load() != 2 {
		t.Errorf("answered %d after %d fetches", code, e.hits.Load())
	}
}

// The deletion of who is gone cannot be verified; it is taken, without effect.
func TestGone(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	key := sign.NewKey(e.URL+"/users/gone#main-key", newKey(t, 2048))
	e.mux.HandleFunc("GET /users/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	id := e.URL + "/users/gone"
	for name, test := range map[string]struct {
		what object
		want int
	}{
		"itself":  {object{"id": id + "#delete", "type": "Delete", "actor": id, "object": id}, 202},
		"a note":  {object{"id": id + "#1", "type": "Delete", "actor": id, "object": e.URL + "/n"}, 202},
		"a like":  {object{"id": id + "#2", "type": "Like", "actor": id, "object": e.URL + "/n"}, 401},
		"another": {object{"id": id + "#3", "type": "Delete", "actor": "http://other.example/u", "object": "http://other.example/u"}, 401},
	} {
		r := request(t, key, encode(t, test.what))
		r.Header.Set("X-Caller", name)
		if code := b.ask(r); code != test.want {
			t.Errorf("%s: %d", name, code)
		}
	}
	if n := b.rows(t); n > 0 {
		t.Errorf("%d rows", n)
	}
}
