package health_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/tubelet/tubelet/server/health"
	"github.com/tubelet/tubelet/store"
)

func TestReady(t *testing.T) {
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := db.DataVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(h *health.Health) (int, string) {
		w := httptest.NewRecorder()
		h.Ready(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code, w.Body.String()
	}
	if status, text := ask(health.New(data, db)); status != 200 || text != "ok\n" {
		t.Errorf("%d %q", status, text)
	}
	if after, err := db.DataVersion(t.Context()); err != nil || after != before {
		t.Errorf("to ask changes the database: %d, %d, %v", before, after, err)
	}
	if set, err := db.Settings(t.Context()); err != nil || len(set) == 0 {
		t.Error(err)
	}
	db.Close()
	broken := health.New(data, db)
	if status, text := ask(broken); status != http.StatusServiceUnavailable || text != "degraded: database\n" {
		t.Errorf("without database: %d %q", status, text)
	}
	if status, text := ask(health.New(filepath.Join(data, "gone"), db)); status != http.StatusServiceUnavailable || text != "degraded: data, database, disk\n" {
		t.Errorf("without anything: %d %q", status, text)
	}
	w := httptest.NewRecorder()
	if broken.Live(w, nil); w.Code != 200 {
		t.Errorf("a degraded server is not dead: %d", w.Code)
	}
}

func TestFind(t *testing.T) {
	data := t.TempDir()
	if _, _, err := health.Find(data); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	if err := os.WriteFile(health.Lock(data), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := health.Find(data); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of an older server's lock: %v", err)
	}
	for _, w := range []struct {
		addr   string
		secure bool
		want   string
	}{
		{"127.0.0.1:8080", false, "http 127.0.0.1:8080"}, {"[::]:443", true, "https [::1]:443"},
		{"0.0.0.0:80", false, "http 127.0.0.1:80"}, {"[::1]:8080", false, "http [::1]:8080"}, {"192.168.1.7:443", true, "https 192.168.1.7:443"},
	} {
		if err := health.Announce(data, w.addr, w.secure); err != nil {
			t.Fatal(err)
		}
		scheme, addr, err := health.Find(data)
		if got := scheme + " " + addr; err != nil || got != w.want {
			t.Errorf("%s: %s, %v", w.addr, got, err)
		}
	}
}
