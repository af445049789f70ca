package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/sign"
)

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func testKey(t *testing.T) sign.Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return sign.NewKey("https://video.example/users/ada#main-key", private)
}

func TestPublicAddresses(t *testing.T) {
	for _, text := range []string{"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8"} {
		if !isPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	for _, text := range []string{
		"127.0.0.1", "127.255.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.9.9", "169.254.169.254",
		"0.0.0.0", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9",
		"::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "100::1",
	} {
		if isPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
}

func TestDialledAddresses(t *testing.T) {
	for address, want := range map[string]bool{"8.8.8.8:443": true, "8.8.8.8:80": false, "8.8.8.8:22": false, "127.0.0.1:443": false, "[::1]:443": false, "[2a00::1]:443": true, "x": false} {
		if err := checkDial(address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if checkDial("127.0.0.1:8080", loopback()) != nil {
		t.Error("a permitted network is refused")
	}
	if checkDial("192.168.0.1:443", loopback()) == nil {
		t.Error("another network is permitted too")
	}
}

func TestCheck(t *testing.T) {
	c := New(Config{Host: "video.example"})
	for address, want := range map[string]bool{
		"https://peer.example/users/a": true, "https://peer.example:443/a": true, "https://bücher.example/a": true,
		"http://peer.example/a": false, "https://peer.example:8443/a": false, "https://user@peer.example/a": false, "gopher://peer.example/a": false,
		"file:///etc/passwd": false, "ftp://peer.example/": false, "unix:/run/x": false, "https://localhost/a": false, "https://intranet/a": false,
		"https://127.0.0.1/a": false, "https://[::1]/a": false, "https://8.8.8.8/a": false, "https://2130706433/": false, "https:///a": false, "": false, "https:peer.example": false,
		"https://video.example/users/a": false, "https://VIDEO.example./users/a": false, "https://video.example:443/": false, "https://ｖideo.example/": false,
		"https://peer.example/" + strings.Repeat("a", 2000): false,
	} {
		if _, err := c.Check(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Whatever a name resolves to, nothing inside is connected to.
func TestNothingInsideIsDialled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var hits atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			conn.Close()
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	c := New(Config{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "0177.0.0.1", "0.0.0.0"} {
		if _, err := c.http.Get(fmt.Sprintf("https://%s:%d/", host, port)); err == nil {
			t.Errorf("%s was connected to", host)
		}
	}
	if hits.Load() > 0 {
		t.Errorf("%d connections", hits.Load())
	}
}

func activity(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/activity+json")
	fmt.Fprint(w, text)
}

func TestObject(t *testing.T) {
	key := testKey(t)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("the signed request went to another host") }))
	defer other.Close()
	is := func(path string) string { return `{"id":"` + server.URL + path + `","type":"Note"}` }
	serve := func(path, kind, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Signature") == "" {
				t.Errorf("%s: not signed", path)
			}
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, text)
		})
	}
	move := func(path, to string) { mux.Handle(path, http.RedirectHandler(to, http.StatusFound)) }
	serve("/good", "application/activity+json; charset=utf-8", is("/good"))
	serve("/linked", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, is("/linked"))
	serve("/unlinked", "application/ld+json", is("/unlinked"))
	serve("/html", "text/html", is("/html"))
	serve("/json", "application/json", is("/json"))
	serve("/png", "image/png", is("/png"))
	serve("/key", "application/activity+json", is("/good"))
	serve("/liar", "application/activity+json", `{"id":"https://victim.example/users/a","type":"Person"}`)
	serve("/circle", "application/activity+json", is("/circle2"))
	serve("/circle2", "application/activity+json", is("/circle"))
	serve("/none", "application/activity+json", `{"type":"Note"}`)
	serve("/broken", "application/activity+json", `{"id":`)
	serve("/huge", "application/activity+json", `{"id":"`+server.URL+`/huge","x":"`+strings.Repeat("a", maxJSON)+`"}`)
	move("/moved", "/good")
	move("/away", other.URL+"/good")
	move("/loop", "/loop")
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		_, _ = io.Copy(z, io.LimitReader(zeros{}, 1<<30))
	})
	c := New(Config{Host: "video.example", Private: loopback()})
	defer c.Close()
	for path, want := range map[string]string{
		"/good": "/good", "/good#main-key": "/good", "/linked": "/linked", "/moved": "/good", "/key": "/good",
		"/unlinked": "", "/html": "", "/json": "", "/png": "", "/liar": "", "/circle": "", "/none": "", "/broken": "", "/huge": "", "/away": "", "/loop": "", "/gone": "", "/bomb": "",
	} {
		object, err := c.Object(t.Context(), server.URL+path, key)
		if want == "" {
			if err == nil {
				t.Errorf("%s gives %v", path, object)
			}
			continue
		}
		if err != nil || object.ID() != server.URL+want {
			t.Errorf("%s: %v, %v", path, object, err)
		}
	}
	var status *StatusError
	if _, err := c.Object(t.Context(), server.URL+"/gone", key); !errors.As(err, &status) || !status.Gone() {
		t.Errorf("gone: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestPost(t *testing.T) {
	key := testKey(t)
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inbox":
			got, _ = io.ReadAll(r.Body)
			if _, err := sign.Read(r, got, time.Now()); err != nil {
				t.Errorf("what we send: %v", err)
			}
			w.WriteHeader(http.StatusAccepted)
		case "/busy":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			http.Redirect(w, r, "/inbox", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	c := New(Config{Agent: "Tubelet", Private: loopback()})
	defer c.Close()
	if err := c.Post(t.Context(), server.URL+"/inbox", key, []byte(`{"a":1}`)); err != nil || !bytes.Equal(got, []byte(`{"a":1}`)) {
		t.Errorf("%s, %v", got, err)
	}
	var status *StatusError
	if err := c.Post(t.Context(), server.URL+"/busy", key, []byte("{}")); !errors.As(err, &status) || status.Code != 503 || status.RetryAfter != 2*time.Minute {
		t.Errorf("busy: %v", err)
	}
	if err := c.Post(t.Context(), server.URL+"/moved", key, []byte("{}")); !errors.As(err, &status) || status.Code != 307 {
		t.Errorf("moved: %v", err)
	}
	if err := New(Config{}).Post(t.Context(), server.URL+"/inbox", key, []byte("{}")); !errors.Is(err, ErrForbidden) {
		t.Errorf("to a private address: %v", err)
	}
}

// An answer that drips is cut off with the time that the caller allows.
func TestDrip(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		activity(w, "{")
		w.(http.Flusher).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	c := New(Config{Private: loopback()})
	defer c.Close()
	if _, err := c.Object(ctx, server.URL+"/drip", testKey(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestSameHost(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"https://a.example/1", "https://A.example:443/2", true},
		{"https://a.example/1", "https://a.example./2", true},
		{"https://a.example/1", "https://xn--a.example/2", false},
		{"https://bücher.example/1", "https://xn--bcher-kva.example/2", true},
		{"https://a.example/1", "https://a.example:8443/2", false},
		{"https://a.example/1", "http://a.example/2", false},
		{"https://a.example/1", "https://a.example@b.example/2", false},
		{"", "", false},
	} {
		if got := SameHost(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("https://peer.example/users/a")
	f.Add("https://[::ffff:7f00:1]/")
	c := New(Config{Host: "video.example"})
	f.Fuzz(func(t *testing.T, address string) {
		u, err := c.Check(address)
		if err != nil {
			return
		}
		if _, err := netip.ParseAddr(u.Hostname()); err == nil || u.Scheme != "https" || u.User != nil || Host(u) == "video.example" {
			t.Errorf("takes %q", address)
		}
		if _, err := url.Parse(u.String()); err != nil {
			t.Errorf("%q does not survive: %v", address, err)
		}
	})
}
