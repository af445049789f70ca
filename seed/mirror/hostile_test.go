package mirror

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestHostileFeed: a feed without end, and items with torrents without end, end.
func TestHostileFeed(t *testing.T) {
	var pages, torrents atomic.Int64
	var self string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /feed.json", func(w http.ResponseWriter, _ *http.Request) {
		n := pages.Add(1)
		var attachments []any
		for i := range 100 {
			attachments = append(attachments, map[string]any{"url": fmt.Sprintf("%s/t/%d/%d", self, n, i), "mime_type": "application/x-bittorrent"})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"version": "https://jsonfeed.org/version/1.1", "title": "endless", "next_url": fmt.Sprintf("%s/feed.json?page=%d", self, n+1),
			"items": []any{map[string]any{"url": self, "title": "video", "attachments": attachments}},
		})
	})
	mux.HandleFunc("GET /t/", func(w http.ResponseWriter, _ *http.Request) { torrents.Add(1); http.Error(w, "no", http.StatusTeapot) })
	server := httptest.NewServer(mux)
	defer server.Close()
	self = server.URL
	m, err := New(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	added, err := m.Add(t.Context(), self)
	if err != nil {
		t.Fatal(err)
	}
	pages.Store(0)
	if _, _, err := m.look(t.Context(), added.Listed); err == nil {
		t.Error("a look at broken torrents finds nothing wrong")
	}
	if n := pages.Load(); n > maxPages+1 {
		t.Errorf("it read %d pages", n)
	}
	if n := torrents.Load(); n == 0 || n > maxNew {
		t.Errorf("it read %d torrents in one look", n)
	}
}

// TestHeavyFeed: pages that are large are read up to a bound, since all are in memory together.
func TestHeavyFeed(t *testing.T) {
	const size = 5 << 20
	var sent atomic.Int64
	var self string
	long := strings.Repeat("x", size)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(size)
		_, _ = fmt.Fprintf(w, `{"version": "https://jsonfeed.org/version/1.1", "next_url": "%s/feed.json?more", "items": [{"title": "%s"}]}`, self, long)
	}))
	defer server.Close()
	self = server.URL
	m, err := New(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.readFeed(t.Context(), self+"/feed.json")
	if err != nil || len(p.Items) == 0 {
		t.Errorf("%d items, %v", len(p.Items), err)
	}
	if n := sent.Load(); n > maxFeeds+size {
		t.Errorf("it read %d MiB", n>>20)
	}
}
