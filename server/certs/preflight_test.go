package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// listen accepts greetings as a server with this configuration does, and returns its port.
func listen(t *testing.T, cfg func() *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() {
				defer conn.Close()
				if cfg == nil {
					return // hangs up before the greeting, as some routers do
				}
				_ = tls.Server(conn, cfg()).Handshake()
			}()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestPreflight has the name lead to a private address, with one or another behind it.
func TestPreflight(t *testing.T) {
	t.Parallel()
	router := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(router.Close)
	_, admin, err := net.SplitHostPort(router.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, nobody, err := net.SplitHostPort(closed.Addr().String())
	if err = errors.Join(err, closed.Close()); err != nil {
		t.Fatal(err)
	}
	known := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	unknown := func(context.Context, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{IsNotFound: true}
	}
	for _, w := range []struct {
		name      string
		directory string
		port      string // empty is our own
		resolve   func(context.Context, string) ([]netip.Addr, error)
		text      string // of the reason, empty where there is none
		never     bool   // an attempt is not made anyway
	}{
		{name: "our own private address", directory: LetsEncrypt, resolve: known},
		{name: "a private address where nobody is", directory: LetsEncrypt, port: nobody, resolve: known, text: "tls.resolver"},
		{name: "an authority in the house", directory: "https://ca.example/dir", port: nobody, resolve: known},
		{name: "the router's own page", directory: LetsEncrypt, port: admin, resolve: known, text: "another machine"},
		{name: "a router that hangs up", directory: LetsEncrypt, port: listen(t, nil), resolve: known, text: "another machine"},
		{name: "no address", directory: LetsEncrypt, resolve: unknown, text: "no address", never: true},
		{name: "DNS is down", directory: LetsEncrypt, resolve: func(context.Context, string) ([]netip.Addr, error) {
			return nil, errors.New("timeout")
		}, text: "look up video.example", never: true},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			made := make(chan *tls.Config, 1)
			if w.port == "" {
				w.port = listen(t, func() *tls.Config {
					cfg := <-made
					made <- cfg
					return cfg
				})
			}
			k, err := New(Config{Data: t.TempDir(), Host: "video.example", Directory: w.directory, Port: w.port, Resolve: w.resolve})
			if err != nil {
				t.Fatal(err)
			}
			made <- k.TLS()
			err = k.preflight(t.Context())
			if (err == nil) != (w.text == "") || err != nil && !strings.Contains(err.Error(), w.text) {
				t.Errorf("says %v, want %q", err, w.text)
			}
			if err == nil {
				return
			}
			if k.anyway(State{Holds: doubtful - 1}, err) {
				t.Error("an attempt is made at once")
			}
			if k.anyway(State{Holds: doubtful}, err) == w.never {
				t.Errorf("after %d holds an attempt is made: %v", doubtful, w.never)
			}
		})
	}
}

// TestDamaged has a Keeper find a memory that cannot be read, twice.
func TestDamaged(t *testing.T) {
	t.Parallel()
	cfg := Config{Data: t.TempDir(), Host: "video.example", Resolve: func(context.Context, string) ([]netip.Addr, error) {
		t.Error("looks for an attempt at once")
		return nil, errors.New("no")
	}}
	k, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.dir, stateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first time.Time
	for range 2 {
		if err := k.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := Status(cfg.Data)
		if err != nil || s.Failures != 1 || s.Host != cfg.Host || s.Directory != LetsEncrypt || s.Mode != "auto" || s.CertDirectory != LetsEncrypt {
			t.Fatalf("%+v, %v", s, err)
		}
		if wait := time.Until(s.Next); wait <= firstWait-time.Minute || wait > firstWait || !first.IsZero() && !first.Equal(s.Next) {
			t.Errorf("waits %v", wait)
		}
		first = s.Next
	}
}

// TestClockAhead starts with a state that a clock ahead by years left, on a clock that is right.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lookups atomic.Int32
		cfg := Config{Data: t.TempDir(), Host: "video.example", Resolve: func(context.Context, string) ([]netip.Addr, error) {
			lookups.Add(1)
			return nil, &net.DNSError{IsNotFound: true}
		}}
		k, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ahead := time.Now().AddDate(5, 0, 0)
		s := State{Mode: "auto", Host: cfg.Host, Directory: LetsEncrypt, Failures: 1, Next: ahead, Orders: []time.Time{ahead, ahead, ahead, ahead}}
		if err := s.save(k.dir); err != nil {
			t.Fatal(err)
		}
		go k.Run(t.Context())
		time.Sleep(firstWait - time.Second)
		if n := lookups.Load(); n != 0 {
			t.Errorf("looked %d times before the wait was over", n)
		}
		time.Sleep(2*look + time.Second)
		if n := lookups.Load(); n != 1 {
			t.Errorf("looked %d times when it was", n)
		}
	})
}

// TestStateNotKept takes away the folder that the state is kept in, as a full disk does.
func TestStateNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lookups atomic.Int32
		var log bytes.Buffer
		cfg := Config{Data: t.TempDir(), Host: "video.example", Log: slog.New(slog.NewTextHandler(&log, nil)),
			Resolve: func(context.Context, string) ([]netip.Addr, error) {
				lookups.Add(1)
				return nil, errors.New("no")
			}}
		k, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(k.dir); err != nil {
			t.Fatal(err)
		}
		go k.Run(t.Context())
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if n, told := lookups.Load(), strings.Count(log.String(), "not kept"); n != 3 || told != 1 {
			t.Errorf("looked %d times in 100 seconds and told it %d times\n%s", n, told, &log)
		}
		if err := os.MkdirAll(k.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		k.Reload() // who mended it need not wait
		synctest.Wait()
		if s, err := Status(cfg.Data); err != nil || s.Holds != 1 {
			t.Errorf("afterwards: %+v, %v", s, err)
		}
	})
}

func TestTrouble(t *testing.T) {
	full := func(n int) error {
		return fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: fmt.Sprint("state.json-", n), Err: syscall.ENOSPC})
	}
	var m trouble
	for i, w := range []struct {
		err   error
		pause time.Duration
		news  bool
	}{
		{nil, look, false}, {full(1), holdTime, true}, {full(2), 2 * holdTime, false}, {full(3), 4 * holdTime, false},
		{errors.New("other"), 8 * holdTime, true}, {errors.New("other"), 16 * holdTime, false}, {full(4), longestHold, true},
		{nil, look, false}, {full(5), holdTime, true},
	} {
		if pause, news := m.meet(w.err); pause != w.pause || news != w.news {
			t.Errorf("%d, %v: pauses %v, news %v", i, w.err, pause, news)
		}
	}
}
