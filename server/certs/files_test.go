package certs_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/certs/acmetest"
)

// TestFiles replaces the files under a running server.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir, data := t.TempDir(), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	acmetest.Certificate(t, cert, key, host, first)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	f, err := certs.ReadFiles(data, host, cert, key, log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{TLSConfig: f.TLS(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- server.ServeTLS(l, "", "") }()
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() { stop(); server.Close(); <-done; <-done })
	port := l.Addr().(*net.TCPAddr).Port
	until := func(want time.Time) {
		t.Helper()
		var got time.Time
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			state, err := greet(port, host)
			if err != nil {
				t.Fatal(err)
			}
			if got = state.PeerCertificates[0].NotAfter; got.Equal(want.UTC()) {
				return
			}
		}
		t.Fatalf("the certificate lasts until %v, want %v", got, want)
	}
	until(first)
	if _, err := greet(port, "other.example"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("another name: %v", err)
	}
	second := first.Add(24 * time.Hour)
	acmetest.Certificate(t, cert, key, host, second)
	until(second)
	// What is broken leaves what is there, and what mends it is read.
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Reload()
	until(second)
	third := second.Add(24 * time.Hour)
	acmetest.Certificate(t, cert, key, host, third)
	f.Reload()
	until(third)
	if s, err := certs.Status(data); err != nil || s.Mode != "files" || !s.NotAfter.Equal(third) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	acmetest.Certificate(t, name("good"), name("good.key"), host, time.Now().Add(time.Hour))
	acmetest.Certificate(t, name("other"), name("other.key"), "other.example", time.Now().Add(time.Hour))
	acmetest.Certificate(t, name("old"), name("old.key"), host, time.Now().Add(-time.Minute))
	if err := os.WriteFile(name("large"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct{ cert, key, want string }{
		{"good", "good.key", ""},
		{"good", "other.key", "does not match"},
		{"other", "other.key", "is not for video.example"},
		{"old", "old.key", "ended on"},
		{"none", "good.key", "no such file"},
		{"large", "good.key", "too large"},
		{"good.key", "good", "read a certificate"},
	} {
		_, err := certs.Check(host, name(w.cert), name(w.key))
		if w.want == "" && err != nil || w.want != "" && (err == nil || !strings.Contains(err.Error(), w.want)) {
			t.Errorf("%s with %s: %v, want %q", w.cert, w.key, err, w.want)
		}
	}
}
