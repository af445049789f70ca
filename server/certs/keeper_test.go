package certs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/certs/acmetest"
)

const host = "video.example"

// front is a TLS server that speaks for host, and its authority.
type front struct {
	ca   *acmetest.CA
	cfg  certs.Config
	port int
	k    *certs.Keeper
	stop func()
}

func newFront(t *testing.T, o acmetest.Options) *front {
	t.Helper()
	f := &front{port: acmetest.FreePort(t)}
	if o.TLSPort == 0 {
		o.TLSPort = f.port
	}
	f.ca = acmetest.Start(t, o)
	f.cfg = certs.Config{Data: t.TempDir(), Host: host, Directory: f.ca.Directory, CAFile: f.ca.CAFile, Port: strconv.Itoa(f.port),
		Resolve: f.ca.Resolve, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	t.Cleanup(func() { f.end() })
	return f
}

// begin starts a server with what is on disk, as a program does.
func (f *front) begin(t *testing.T) {
	t.Helper()
	k, err := certs.New(f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(f.port))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{TLSConfig: k.TLS(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- server.ServeTLS(l, "", "") }()
	go func() { done <- k.Run(ctx) }()
	f.k, f.stop = k, func() {
		cancel()
		server.Close()
		<-done
		<-done
	}
}

func (f *front) end() {
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

// status waits until what the state says is as wanted.
func (f *front) status(t *testing.T, what string, want func(certs.State) bool) certs.State {
	t.Helper()
	var s certs.State
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		if s, err = certs.Status(f.cfg.Data); err != nil {
			t.Fatal(err)
		}
		if want(s) {
			return s
		}
	}
	t.Fatalf("%s: the state stays %+v", what, s)
	return s
}

// greet connects as a browser would and returns the certificate that it is shown.
func greet(port int, name string, protocols ...string) (*tls.ConnectionState, error) {
	c, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port), &tls.Config{ServerName: name, NextProtos: protocols, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	state := c.ConnectionState()
	return &state, nil
}

func issued(s certs.State) bool { return !s.NotAfter.IsZero() }
func failed(s certs.State) bool {
	return s.Failures > 0 && s.LastError != "" && s.LastError != "the attempt was interrupted"
}

func TestIssue(t *testing.T) {
	t.Parallel()
	f := newFront(t, acmetest.Options{})
	if _, err := f.ca.Resolve(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	f.begin(t)
	s := f.status(t, "issue", issued)
	t.Logf("issued after %v", time.Since(start))
	if n := f.ca.Orders(); n != 1 || len(s.Orders) != 1 || s.LastError != "" || s.Failures != 0 {
		t.Errorf("%d orders, %+v", n, s)
	}
	state, err := greet(f.port, host, "h2", "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	leaf := state.PeerCertificates[0]
	if _, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || leaf.VerifyHostname(host) != nil || state.NegotiatedProtocol != "h2" {
		t.Errorf("%T for %v over %s", leaf.PublicKey, leaf.DNSNames, state.NegotiatedProtocol)
	}
	for _, name := range []string{"other.example", "", "www.video.example", "127.0.0.1", "video.example.other.example"} {
		if _, err := greet(f.port, name); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("greeted as %q: %v", name, err)
		}
	}
	if _, err := greet(f.port, host, "acme-tls/1"); err == nil {
		t.Error("a question of an authority is answered when there is none to answer")
	}
	err = filepath.Walk(filepath.Join(f.cfg.Data, "tls"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	f.end()
	f.begin(t) // what is there is used
	if again, err := greet(f.port, host); err != nil || !again.PeerCertificates[0].Equal(leaf) {
		t.Errorf("after a restart: %v", err)
	}
	f.k.Reload()
	if n := f.ca.Orders(); n != 1 {
		t.Errorf("%d orders after a restart", n)
	}
}

// TestRenew has certificates of a few seconds, one after the other, without a break.
func TestRenew(t *testing.T) {
	t.Parallel()
	f := newFront(t, acmetest.Options{Valid: 9 * time.Second})
	f.begin(t)
	first := f.status(t, "issue", issued)
	second := f.status(t, "renewal", func(s certs.State) bool { return s.NotAfter.After(first.NotAfter) })
	if n := f.ca.Orders(); n != 2 || len(second.Orders) != 2 {
		t.Errorf("%d orders, %+v", n, second)
	}
	if at := second.LastTry; at.Before(first.NotBefore.Add(5*time.Second)) || at.After(first.NotAfter) {
		t.Errorf("renewed at %v, the first held from %v to %v", at, first.NotBefore, first.NotAfter)
	}
	got, err := greet(f.port, host)
	if err != nil || !got.PeerCertificates[0].NotAfter.Equal(second.NotAfter) {
		t.Errorf("the new one is not in use: %v", err)
	}
}

// TestFailures has attempts fail in each way, and counts what the authority saw.
func TestFailures(t *testing.T) {
	t.Parallel()
	taken := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	for _, w := range []struct {
		name    string
		options acmetest.Options
		prepare func(t *testing.T, f *front)
		orders  int
		text    string
		held    bool
	}{
		{name: "the authority cannot reach us", options: acmetest.Options{TLSPort: acmetest.FreePort(t)}, orders: 1, text: "does not reach us"},
		{name: "another program answers the authority", options: acmetest.Options{TLSPort: taken.Listener.Addr().(*net.TCPAddr).Port}, orders: 1, text: "does not reach us (tls-alpn-01)"},
		{name: "the authority is down", prepare: func(t *testing.T, f *front) { f.ca.Stop() }, text: "refused"},
		{name: "the directory is signed by somebody else", prepare: func(t *testing.T, f *front) {
			f.cfg.CAFile = filepath.Join(t.TempDir(), "other.pem")
			acmetest.Certificate(t, f.cfg.CAFile, filepath.Join(t.TempDir(), "key"), "127.0.0.1", time.Now().Add(time.Hour))
		}, text: "certificate"},
		{name: "DNS does not know the name", held: true, text: "DNS knows no address of video.example", prepare: func(_ *testing.T, f *front) {
			f.cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) {
				return nil, &net.DNSError{IsNotFound: true}
			}
		}},
		{name: "DNS is down", held: true, text: "look up video.example", prepare: func(_ *testing.T, f *front) {
			f.cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("timeout") }
		}},
		{name: "the name leads to another machine", held: true, text: "another machine", prepare: func(_ *testing.T, f *front) {
			f.cfg.Port = strconv.Itoa(taken.Listener.Addr().(*net.TCPAddr).Port)
		}},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, w.options)
			if w.prepare != nil {
				w.prepare(t, f)
			}
			for range 3 { // a crash loop asks no more often
				f.begin(t)
				if w.held {
					f.status(t, "held", func(s certs.State) bool { return s.Holds > 0 })
				} else {
					f.status(t, "failed", failed)
				}
				if _, err := greet(f.port, host); err == nil {
					t.Error("there is a certificate")
				}
				f.end()
			}
			s := f.status(t, "end", func(certs.State) bool { return true })
			if n := f.ca.Orders(); n != w.orders || len(s.Orders) != w.orders {
				t.Errorf("the authority saw %d orders, we %d; want %d\n%s", n, len(s.Orders), w.orders, f.ca.Log())
			}
			if !strings.Contains(s.LastError, w.text) {
				t.Errorf("the reason is %q", s.LastError)
			}
			wait, want := time.Until(s.Next), 15*time.Minute
			if w.held {
				want = 30 * time.Second
			}
			if wait < want*8/10 || wait > want {
				t.Errorf("the next attempt is in %v, want about %v", wait, want)
			}
		})
	}
}

// TestOtherWay proves the name by HTTP after TLS has failed, once the wait is over.
func TestOtherWay(t *testing.T) {
	t.Parallel()
	web, port := http.NewServeMux(), acmetest.FreePort(t)
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: web}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	// Port 443 leads astray, so that only the other way can work.
	f := newFront(t, acmetest.Options{TLSPort: acmetest.FreePort(t), HTTPPort: port})
	f.cfg.Redirect = true
	f.begin(t)
	f.status(t, "failed", failed)
	web.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !f.k.Challenge(w, r) {
			http.NotFound(w, r)
		}
	})
	s, err := certs.Status(f.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	// As if the quarter of an hour were over.
	s.Next = time.Now().Add(-time.Second)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.cfg.Data, "tls", "state.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s = f.status(t, "issue", issued)
	if n := f.ca.Orders(); n != 2 || s.Way != "http-01" {
		t.Errorf("%d orders, %+v", n, s)
	}
}

// TestHairpin has a router answer at its own outer address, as seen from the house. The
// authority reaches us all the same: after some holds for a first certificate, and at once
// for the next one.
func TestHairpin(t *testing.T) {
	t.Parallel()
	router := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(router.Close)
	f := newFront(t, acmetest.Options{Valid: 9 * time.Second})
	f.cfg.Port = strconv.Itoa(router.Listener.Addr().(*net.TCPAddr).Port)
	f.begin(t)
	s := f.status(t, "held", func(s certs.State) bool { return s.Holds > 0 })
	if n := f.ca.Orders(); n != 0 || s.Holds != 1 {
		t.Errorf("%d orders at the first look, %+v", n, s)
	}
	f.end()
	// As if a quarter of an hour were over.
	s.Holds, s.Next = 6, time.Now().Add(-time.Second)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.cfg.Data, "tls", "state.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	f.begin(t)
	first := f.status(t, "issue", issued)
	second := f.status(t, "renewal", func(s certs.State) bool { return s.NotAfter.After(first.NotAfter) })
	if n := f.ca.Orders(); n != 2 || first.Holds != 0 || second.Holds != 0 {
		t.Errorf("%d orders, %+v, then %+v", n, first, second)
	}
}
