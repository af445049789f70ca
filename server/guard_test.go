package server

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/assets"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/store"
)

// TestLogHidesKeys makes pages of a draft fail in each way that is logged.
func TestLogHidesKeys(t *testing.T) {
	c := newChannel(t)
	var log bytes.Buffer
	c.log = slog.New(slog.NewTextHandler(&log, nil))
	address := c.keys.Address(draft)
	for name, do := range map[string]action{
		"fails":  func(http.ResponseWriter, *http.Request) error { return errors.New("broken") },
		"slow":   func(http.ResponseWriter, *http.Request) error { return context.DeadlineExceeded },
		"panics": func(http.ResponseWriter, *http.Request) error { panic("a bug") },
	} {
		log.Reset()
		r := httptest.NewRequest("GET", "http://127.0.0.1/media/"+address+"/1/720p.mp4", nil)
		c.gate(c.page(do)).ServeHTTP(httptest.NewRecorder(), r)
		if text := log.String(); !strings.Contains(text, "/media/"+draft+"/1/720p.mp4") || strings.Contains(text, c.keys.Key(draft)) {
			t.Errorf("%s: the log says %s", name, text)
		}
	}
}

// TestFailures looks at answers other than the one asked for.
func TestFailures(t *testing.T) {
	c := newChannel(t)
	c.log = slog.New(slog.DiscardHandler)
	serve := func(do action) *httptest.Server {
		server := httptest.NewServer(c.gate(c.page(do)))
		t.Cleanup(server.Close)
		return server
	}
	slow := serve(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("make it: %w", context.DeadlineExceeded)
	})
	a := askURL(t, "GET", slow.URL+"/w/"+public, nil)
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || a.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("what took too long: %d %v", a.StatusCode, a.Header)
	}
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		c.gate(c.page(func(_ http.ResponseWriter, r *http.Request) error { return r.Context().Err() })).ServeHTTP(w, r.WithContext(ctx))
	}))
	defer cut.Close()
	if res, err := http.Get(cut.URL); err == nil {
		res.Body.Close()
		t.Errorf("a request that was cut off is answered %d", res.StatusCode)
	}
}

// TestLongTexts serves captions and a playlist longer than what is kept in memory.
func TestLongTexts(t *testing.T) {
	c := newChannel(t)
	long := bytes.Repeat([]byte("00:00.000 --> 00:01.000\nA word or two.\n\n"), 60_000)
	for path, file := range map[string]string{
		"/media/" + public + "/captions/en-0badcafe.vtt": "captions/en-0badcafe.vtt",
		"/media/" + public + "/1/720p.m3u8":              "1/720p.m3u8",
	} {
		if err := os.WriteFile(filepath.Join(c.data, "videos", public, file), long, 0o600); err != nil {
			t.Fatal(err)
		}
		a := c.get(t, path, "Accept-Encoding: gzip")
		if a.StatusCode != 200 || a.body != string(long) || a.Header.Get("Cache-Control") != immutable || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d, %d bytes, %v", path, a.StatusCode, len(a.body), a.Header)
		}
		if part := c.get(t, path, "Range: bytes=10-19"); part.StatusCode != 206 || len(part.body) != 10 {
			t.Errorf("a part of %s: %d, %d bytes", path, part.StatusCode, len(part.body))
		}
	}
}

// TestSearchesLeaveRoom has as many searches running as may, and asks for more.
func TestSearchesLeaveRoom(t *testing.T) {
	t.Parallel()
	c := newChannel(t)
	for range searchesAtOnce {
		c.searches <- struct{}{}
	}
	a := c.get(t, "/search?q=word")
	if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, "Many people search") {
		t.Errorf("one search too many: %d %v", a.StatusCode, a.Header)
	}
	if a := c.get(t, "/"); a.StatusCode != 200 {
		t.Errorf("pages meanwhile: %d", a.StatusCode)
	}
	<-c.searches
	if a := c.get(t, "/search?q=publicword"); a.StatusCode != 200 || !strings.Contains(a.body, "/w/"+public) {
		t.Errorf("a search when there is room: %d", a.StatusCode)
	}
	if n := len(c.searches); n != searchesAtOnce-1 {
		t.Errorf("%d searches seem to run", n)
	}
}

// kept tells how often an answer is made.
type kept struct{ made int }

func (k *kept) build(context.Context) (cache.Answer, error) {
	k.made++
	noise := make([]byte, cacheBytes/4-1000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	return cache.Answer{Body: noise}, nil
}

// TestSearchesPushNothingOut searches for so much that the answers would fill the cache.
func TestSearchesPushNothingOut(t *testing.T) {
	c := newChannel(t)
	var page kept
	ask := func() {
		t.Helper()
		if _, err := c.cache.Get(t.Context(), "a page", page.build); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	for bytes, i := 0, 0; bytes < cacheBytes; i++ {
		bytes += len(c.get(t, fmt.Sprint("/search?q=publicword+", i)).body)
	}
	if ask(); page.made != 1 {
		t.Error("searches pushed a page out of the cache")
	}
}

// TestProgressKeepsPages commits what a running job commits.
func TestProgressKeepsPages(t *testing.T) {
	c := newChannel(t)
	var page kept
	made := func(what string, want int) {
		t.Helper()
		time.Sleep(seen)
		if _, err := c.cache.Get(t.Context(), "a page", page.build); err != nil {
			t.Fatal(err)
		}
		if page.made != want {
			t.Errorf("%s: the page was made %d times, want %d", what, page.made, want)
		}
	}
	made("at first", 1)
	if _, err := c.store.Enqueue(t.Context(), store.Job{Kind: "transcode", Video: processing}); err != nil {
		t.Fatal(err)
	}
	job, err := c.store.ClaimJob(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// The page that tells how far the work is, is made anew all the same.
	for _, percent := range []float64{17, 61} {
		job.Percent = percent
		if err := c.store.SaveProgress(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		made("after progress", 1)
		if a := c.get(t, "/w/"+c.keys.Address(processing)); !strings.Contains(a.body, fmt.Sprint(percent)) {
			t.Errorf("the page does not say %v%%", percent)
		}
	}
	if err := c.store.AddViews(t.Context(), map[string]int64{public: 1}); err != nil {
		t.Fatal(err)
	}
	made("after a view", 2)
}

// TestWatchPageOfAnImprovingVideo edits a video while its job reports, again and again:
// each edit must show.
func TestWatchPageOfAnImprovingVideo(t *testing.T) {
	data, db := open(t, localChannel())
	v := kinds()[0]
	v.Media.State = store.Watchable
	publish(t, data, db, v)
	c := serveSite(t, Config{Data: data, Store: db, Media: media.New(media.Config{}), Local: true, Log: testLog(t)})
	if _, err := db.Enqueue(t.Context(), store.Job{Kind: "transcode", Video: v.ID}); err != nil {
		t.Fatal(err)
	}
	job, err := db.ClaimJob(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		v.Title = fmt.Sprint("Title number ", i)
		if err := errors.Join(db.UpdateVideo(t.Context(), v), db.SaveProgress(t.Context(), job)); err != nil {
			t.Fatal(err)
		}
		c.get(t, "/w/"+v.ID) // at once, when one part may know of the edit and another not
		time.Sleep(seen)
		if !strings.Contains(c.get(t, "/w/"+v.ID).body, v.Title) {
			t.Fatalf("the page does not say %q", v.Title)
		}
	}
}

// TestSitemapParts reads the sitemap of a channel that is too large for one file.
func TestSitemapParts(t *testing.T) {
	data, db := open(t, localChannel())
	const videos = 501
	for i := range videos {
		v := kinds()[0]
		v.ID, v.Media.SourceSHA256 = store.NewID(), fmt.Sprintf("%064d", i)
		v.Description = strings.Repeat("Worte über Werkzeug. ", 100)
		if err := db.CreateVideo(t.Context(), store.NewVideo{Video: v}); err != nil {
			t.Fatal(err)
		}
	}
	c := serveSite(t, Config{Data: data, Store: db, Media: media.New(media.Config{}), Local: true, Log: testLog(t)})
	read := func(path, root, entry string) (locations []string) {
		t.Helper()
		a := c.get(t, path)
		if a.StatusCode != 200 || len(a.body) > cacheBytes/4*3/4 {
			t.Errorf("%s: %d, %d bytes", path, a.StatusCode, len(a.body))
		}
		for d := xml.NewDecoder(strings.NewReader(a.body)); ; {
			token, err := d.Token()
			if err != nil {
				return locations
			}
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "loc" {
				text, _ := d.Token()
				locations = append(locations, string(text.(xml.CharData)))
			}
		}
	}
	base := localChannel().Base()
	parts := read("/sitemap.xml", "sitemapindex", "sitemap")
	if len(parts) != 2 {
		t.Fatalf("parts %q", parts)
	}
	all := map[string]bool{}
	for _, part := range parts {
		for _, location := range read(strings.TrimPrefix(part, base), "urlset", "url") {
			all[location] = true
		}
	}
	if len(all) != videos+2 || !all[base+"/"] || !all[base+"/about"] {
		t.Errorf("%d addresses", len(all))
	}
	for _, path := range []string{"/sitemap.xml?page=3", "/sitemap.xml?page=0", "/sitemap.xml?page=x"} {
		if a := c.get(t, path); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

// TestAssets loads a module as a player in a sandboxed frame does.
func TestAssets(t *testing.T) {
	c := newChannel(t)
	path := assets.Path("player.js")
	for _, w := range []struct {
		name   string
		header []string
		status int
	}{
		{"compressed", []string{"Origin: null", "Accept-Encoding: gzip"}, 200},
		{"plain", []string{"Origin: null", "Accept-Encoding: identity"}, 200},
		{"a part", []string{"Accept-Encoding: gzip", "Range: bytes=0-9"}, 206},
		{"another is wanted", []string{"Accept-Encoding: gzip", `If-Match: "x"`}, 412},
	} {
		a := c.get(t, path, w.header...)
		if a.StatusCode != w.status || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", w.name, a.StatusCode, a.Header)
		}
		if w.status != 412 && a.ContentLength != int64(len(a.body)) {
			t.Errorf("%s: Content-Length %d for %d bytes", w.name, a.ContentLength, len(a.body))
		}
	}
}
