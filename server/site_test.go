package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

const (
	immutable = "public, max-age=31536000, immutable"
	film      = "/media/" + public + "/1/720p.mp4"
)

func TestHeaders(t *testing.T) {
	c := newChannel(t)
	page := policy + "'self'"
	for _, w := range []struct {
		path, kind, caching, csp string
		status                   int
	}{
		{"/", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/?tag=WOOD", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/?page=0", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/?page=7", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/search?q=publicword", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/about", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/w/" + public, "text/html; charset=utf-8", "no-cache", page, 200},
		{"/w/" + public + "/comments", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/w/" + public + "/comments?page=2", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/w/nothing", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/embed/" + public, "text/html; charset=utf-8", "no-cache", policy + "*", 200},
		{"/embed/nothing", "text/html; charset=utf-8", "no-cache", policy + "*", 404}, // or the frame stays blank
		{film, "video/mp4", immutable, "", 200},
		{"/media/" + public + "/1/master.m3u8", "application/vnd.apple.mpegurl", "no-cache", "", 200},
		{"/media/" + public + "/1/720p.m3u8", "application/vnd.apple.mpegurl", immutable, "", 200},
		{"/media/" + public + "/1/chapters.vtt", "text/vtt; charset=utf-8", "no-cache", "", 200},
		{"/media/" + public + "/1/poster-0badcafe.jpg", "image/jpeg", immutable, "", 200},
		{"/media/" + public + "/1/storyboard-0badcafe.vtt", "text/vtt; charset=utf-8", immutable, "", 200},
		{"/media/" + public + "/captions/en-0badcafe.vtt", "text/vtt; charset=utf-8", immutable, "", 200},
		{"/media/" + public + "/1/source.mov", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/media/" + public + "/2/720p.mp4", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/media/" + public + "/01/720p.mp4", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/media/" + public + "/1/..%2f..%2f..%2ftubelet.db", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/media/" + public + "/captions/..%2f1%2f720p.mp4", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/download/" + public + "/720p.mp4", "video/mp4", immutable, "default-src 'none'; sandbox", 200},
		{"/download/" + public + "/source.mov", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/download/" + public + "/tubelet.db", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/feed.xml", "application/rss+xml; charset=utf-8", "no-cache", page, 200},
		{"/feed.atom", "application/atom+xml; charset=utf-8", "no-cache", page, 200},
		{"/feed.json", "application/feed+json; charset=utf-8", "no-cache", page, 200},
		{"/sitemap.xml", "application/xml; charset=utf-8", "no-cache", page, 200},
		{"/robots.txt", "text/plain; charset=utf-8", "public, max-age=3600", page, 200},
		{"/channel/preview.key", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/favicon.ico", "text/html; charset=utf-8", "public, max-age=86400", page, 302},
		{"/metrics", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/debug/pprof/", "text/html; charset=utf-8", "no-cache", page, 404},
	} {
		t.Run(w.path, func(t *testing.T) {
			for _, accept := range []string{"", "application/activity+json"} {
				a := c.get(t, w.path, "Accept: "+accept)
				h := a.Header
				// Programs that ask for an object are led to it, from the front page and watch pages.
				if led := a.StatusCode == http.StatusFound && accept != ""; led {
					place, watch := h.Get("Location"), strings.HasPrefix(w.path, "/w/")
					if watch && strings.HasPrefix(place, "/videos/") || !watch && place == "/users/workshop" {
						continue
					}
				}
				if a.StatusCode != w.status || h.Get("Content-Type") != w.kind || h.Get("Cache-Control") != w.caching || h.Get("Content-Security-Policy") != w.csp {
					t.Errorf("%d, %q, %q, %q", a.StatusCode, h.Get("Content-Type"), h.Get("Cache-Control"), h.Get("Content-Security-Policy"))
				}
				if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
					h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Permissions-Policy") == "" {
					t.Errorf("the headers of every answer are not all there: %v", h)
				}
				if h.Get("Server") != "" || h.Get("Set-Cookie") != "" || h.Get("X-Powered-By") != "" {
					t.Errorf("an answer says too much: %v", h)
				}
				cors := strings.HasPrefix(w.path, "/media/") || strings.HasPrefix(w.path, "/feed") || strings.HasPrefix(w.path, "/sitemap")
				if got := h.Get("Access-Control-Allow-Origin"); w.status == 200 && (got == "*") != cors {
					t.Errorf("Access-Control-Allow-Origin %q", got)
				}
			}
		})
	}
}

func TestMethods(t *testing.T) {
	c := newChannel(t)
	for _, w := range []struct {
		method, path string
		status       int
	}{
		{"HEAD", "/", 200}, {"HEAD", film, 200}, {"HEAD", "/feed.xml", 200}, {"HEAD", "/w/nothing", 404},
		{"POST", "/", 405}, {"POST", film, 405}, {"DELETE", "/w/" + public, 405}, {"PUT", film, 405}, {"GET", "/views/" + public, 404},
		{"OPTIONS", film, 204}, {"TRACE", "/", 405}, {"PROPFIND", "/", 405},
	} {
		a := c.ask(t, w.method, w.path)
		if a.StatusCode != w.status {
			t.Errorf("%s %s: %d, want %d", w.method, w.path, a.StatusCode, w.status)
		}
		if w.method == "HEAD" && (a.body != "" || a.ContentLength <= 0) {
			t.Errorf("HEAD %s: %d bytes, Content-Length %d", w.path, len(a.body), a.ContentLength)
		}
	}
	asked := c.ask(t, "OPTIONS", film, "Origin: https://peertube.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range")
	if !strings.Contains(asked.Header.Get("Access-Control-Allow-Headers"), "Range") {
		t.Errorf("a range request from another site is not allowed: %v", asked.Header)
	}
}

func TestRangesAndConditions(t *testing.T) {
	c := newChannel(t)
	whole := string(fileBody("720p.mp4"))
	first := c.get(t, film)
	if first.body != whole || first.Header.Get("Accept-Ranges") != "bytes" || first.Header.Get("Last-Modified") == "" {
		t.Fatalf("%d bytes, %v", len(first.body), first.Header)
	}
	etag := first.Header.Get("ETag")
	if part := c.get(t, film, "Range: bytes=100-199", "If-Range: "+etag); part.StatusCode != 206 || part.body != whole[100:200] {
		t.Errorf("%d, %d bytes", part.StatusCode, len(part.body))
	}
	if same := c.get(t, film, "If-None-Match: "+etag); same.StatusCode != 304 || same.body != "" {
		t.Errorf("%d", same.StatusCode)
	}
	if beyond := c.get(t, film, "Range: bytes=9999999-"); beyond.StatusCode != 416 || beyond.Header.Get("Cache-Control") == immutable {
		t.Errorf("%d %v", beyond.StatusCode, beyond.Header)
	}
	for _, path := range []string{"/", "/w/" + public, "/feed.xml", "/sitemap.xml", "/media/" + public + "/1/master.m3u8", "/media/" + public + "/1/720p.m3u8"} {
		etag := c.get(t, path).Header.Get("ETag")
		if a := c.get(t, path, "If-None-Match: "+etag); etag == "" || a.StatusCode != 304 || a.body != "" {
			t.Errorf("%s again: %d", path, a.StatusCode)
		}
	}
}

// TestMissingFile takes a file away that the store still names.
func TestMissingFile(t *testing.T) {
	c := newChannel(t)
	if err := os.RemoveAll(filepath.Join(c.data, "videos", public)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{film, "/media/" + public + "/1/720p.m3u8", "/media/" + public + "/captions/en-0badcafe.vtt", "/download/" + public + "/720p.mp4"} {
		a := c.get(t, path)
		if a.StatusCode != 404 || a.Header.Get("Cache-Control") != "no-cache" || a.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %v", path, a.StatusCode, a.Header)
		}
	}
	if a := c.get(t, "/w/"+public); a.StatusCode != 200 {
		t.Errorf("the page: %d", a.StatusCode)
	}
}

// TestSymlink puts a link to the outside in the place of a file.
func TestSymlink(t *testing.T) {
	c := newChannel(t)
	file := filepath.Join(c.data, "videos", public, "1", "720p.mp4")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(c.data, "keys", "preview.key"), file); err != nil {
		t.Fatal(err)
	}
	if f, err := openFile(c.videos, public+"/1/720p.mp4"); err == nil {
		f.Close()
		t.Error("a link out of the videos was followed")
	}
}

func TestDownloadNames(t *testing.T) {
	c := newChannel(t)
	c.set(t, "downloads", "all")
	for path, want := range map[string]string{
		"720p.mp4":   "Publicword & b friends b (720p).mp4",
		"source.mov": "Publicword & b friends b.mov",
	} {
		_, fields, err := mime.ParseMediaType(c.get(t, "/download/"+public+"/"+path).Header.Get("Content-Disposition"))
		if err != nil || strings.ReplaceAll(fields["filename"], "/", "") != want {
			t.Errorf("%s is called %q, want %q, %v", path, fields["filename"], want, err)
		}
	}
	v, err := c.store.Video(t.Context(), public)
	if err != nil {
		t.Fatal(err)
	}
	v.Downloads = false
	if err := c.store.UpdateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // a commit is seen within five
	if a := c.get(t, "/download/"+public+"/720p.mp4"); a.StatusCode != 404 {
		t.Errorf("a download that the creator does not offer: %d", a.StatusCode)
	}
}

func TestFileTitle(t *testing.T) {
	for title, want := range map[string]string{
		"Plain":             "Plain",
		"../../etc/passwd":  "etc passwd",
		"a\nb\x00c\"d":      "a b c d",
		"  . ":              "video",
		"Über die Werkbank": "Über die Werkbank",
		"CON: what?":        "CON what",
	} {
		if got := fileTitle(title); got != want {
			t.Errorf("fileTitle(%q) = %q, want %q", title, got, want)
		}
	}
}

func TestHost(t *testing.T) {
	local := newChannel(t)
	data, db := open(t, store.Channel{Handle: "w", Domain: "video.example", Name: "W", CreatedAt: time.Now()})
	behind := serveSite(t, Config{Data: data, Store: db, Media: media.New(media.Config{}), Log: testLog(t)})
	for _, w := range []struct {
		name, host string
		on         channelOf
		status     int
	}{
		{"loopback address", "127.0.0.1:1234", local, 200},
		{"localhost", "localhost:8080", local, 200},
		{"IPv6 loopback", "[::1]:8080", local, 200},
		{"rebound name", "evil.example:8080", local, 421},
		{"name that starts alike", "127.0.0.1.evil.example", local, 421},
		{"its domain", "video.example", behind, 200},
		{"with a port", "video.example:8443", behind, 200},
		{"in capitals, with a dot", "Video.Example.", behind, 200},
		{"a subdomain", "www.video.example", behind, 421},
		{"loopback of a public channel", "127.0.0.1", behind, 421},
		{"another", "evil.example", behind, 421},
	} {
		t.Run(w.name, func(t *testing.T) {
			a := w.on.get(t, "/", "Host: "+w.host)
			if a.StatusCode != w.status {
				t.Errorf("%d, want %d", a.StatusCode, w.status)
			}
			if strings.Contains(a.body, "evil.example") {
				t.Error("the page repeats the host")
			}
		})
	}
	a := local.get(t, "/w/"+public, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Path: /evil")
	if strings.Contains(a.body, "evil") {
		t.Error("the page believes what a client says it was forwarded for")
	}
}

func TestClientAddress(t *testing.T) {
	_, db := open(t, localChannel())
	for _, w := range []struct {
		name, setting, peer, forwarded, want string
		secure                               bool
	}{
		{"direct", "auto", "192.0.2.7:4000", "", "192.0.2.7", true},
		{"direct, pretending", "auto", "192.0.2.7:4000", "198.51.100.1", "192.0.2.7", true},
		{"from the household, pretending", "auto", "192.168.1.7:4000", "198.51.100.1", "192.168.1.7", true},
		{"proxied", "auto", "127.0.0.1:4000", "203.0.113.9, 198.51.100.1", "198.51.100.1", false},
		{"proxied from a container", "auto", "172.17.0.2:4000", "198.51.100.1", "198.51.100.1", false},
		{"a stranger in place of the proxy", "auto", "192.0.2.7:4000", "198.51.100.1", "192.0.2.7", false},
		{"proxied nonsense", "auto", "127.0.0.1:4000", "unknown", "127.0.0.1", false},
		{"proxied by one that is named", "192.0.2.0/24", "192.0.2.7:4000", "198.51.100.1", "198.51.100.1", true},
		{"another than the one named", "192.0.2.0/24", "127.0.0.1:4000", "198.51.100.1", "127.0.0.1", false},
		{"nobody is believed", "none", "127.0.0.1:4000", "198.51.100.1", "127.0.0.1", false},
		{"IPv6 household", "auto", "[2001:db8:1:2:3:4:5:6]:4000", "", "2001:db8:1:2::/64", false},
		{"IPv4 in IPv6", "auto", "[::ffff:192.0.2.7]:4000", "", "192.0.2.7", false},
	} {
		t.Run(w.name, func(t *testing.T) {
			s := &site{store: db, secure: w.secure}
			if err := errors.Join(db.SetSetting(t.Context(), "trusted_proxies", w.setting), s.trust(t.Context())); err != nil {
				t.Fatal(err)
			}
			r := &http.Request{RemoteAddr: w.peer, Header: http.Header{}}
			if w.forwarded != "" {
				r.Header.Set("X-Forwarded-For", w.forwarded)
			}
			if got := s.clientAddress(r); got != w.want {
				t.Errorf("%s, want %s", got, w.want)
			}
		})
	}
}

func TestViews(t *testing.T) {
	c := newChannel(t)
	report := func(id, session string, header ...string) int {
		t.Helper()
		body := fmt.Sprintf(`{"session":%q}`, session)
		return askURL(t, "POST", c.url+"/views/"+id, strings.NewReader(body), header...).StatusCode
	}
	for _, w := range []struct {
		name   string
		got    int
		status int
	}{
		{"a view", report(public, "s1"), 204},
		{"the same again", report(public, "s1"), 204},
		{"another page of the same browser", report(public, "s2"), 204},
		{"of an unlisted video", report(unlisted, "s1"), 204},
		{"of a draft by the creator", report(c.keys.Address(draft), "s1"), 204},
		{"of a draft by somebody else", report(draft, "s1"), 404},
		{"of nothing", report("nothing", "s1"), 404},
		{"from a sandboxed frame", report(public, "s3", "Sec-Fetch-Site: cross-site", "Origin: null"), 204},
		{"the same again", report(public, "s3", "Sec-Fetch-Site: cross-site", "Origin: null"), 204},
		{"an endless session", report(public, strings.Repeat("s", 5000)), 400},
		{"nonsense", askURL(t, "POST", c.url+"/views/"+public, strings.NewReader("[")).StatusCode, 400},
	} {
		if w.got != w.status {
			t.Errorf("%s: %d, want %d", w.name, w.got, w.status)
		}
	}
	if err := c.views.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int64{public: 3, unlisted: 1, draft: 0} {
		v, err := c.store.Video(t.Context(), id)
		if err != nil || v.Views != want {
			t.Errorf("%s has %d views, want %d, %v", id, v.Views, want, err)
		}
	}
}

// TestCommitIsSeen changes the store as a command in another process does.
func TestCommitIsSeen(t *testing.T) {
	c := newChannel(t)
	other, err := store.Open(t.Context(), filepath.Join(c.data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i := range 20 {
		c.get(t, "/w/"+public)
		c.get(t, "/")
		v, err := other.Video(t.Context(), public)
		if err != nil {
			t.Fatal(err)
		}
		v.Title = fmt.Sprint("Title number ", i)
		if err := other.UpdateVideo(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Millisecond) // what the cache promises
		for _, path := range []string{"/w/" + public, "/", "/feed.xml"} {
			if !strings.Contains(c.get(t, path).body, v.Title) {
				t.Errorf("%s shows an older title than %q", path, v.Title)
			}
		}
	}
	v, _ := other.Video(t.Context(), public)
	v.Visibility = store.Draft
	if err := other.UpdateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Millisecond)
	for _, path := range []string{"/w/" + public, film, "/media/" + public + "/1/master.m3u8", "/media/" + public + "/1/720p.m3u8"} {
		if a := c.get(t, path); a.StatusCode != 404 {
			t.Errorf("%s of what became a draft: %d", path, a.StatusCode)
		}
	}
}

func TestOEmbed(t *testing.T) {
	c := newChannel(t)
	watch := "http://127.0.0.1:8080/w/" + public
	type size struct{ Width, Height int }
	for _, w := range []struct {
		name, url, more string
		status          int
		want            size
	}{
		{"watch page", watch, "", 200, size{640, 360}},
		{"embed page", "http://127.0.0.1:8080/embed/" + public, "", 200, size{640, 360}},
		{"with a time and a slash", watch + "/?t=5#x", "", 200, size{640, 360}},
		{"by another name of this machine", "http://localhost:8080/w/" + public, "", 200, size{640, 360}},
		{"narrow", watch, "&maxwidth=320", 200, size{320, 180}},
		{"wide", watch, "&maxwidth=4000", 200, size{1280, 720}},
		{"low", watch, "&maxheight=90", 200, size{160, 90}},
		{"both", watch, "&maxwidth=800&maxheight=90", 200, size{160, 90}},
		{"tiny", watch, "&maxwidth=1&maxheight=1", 200, size{1, 1}},
		{"unlisted, for who has the address", "http://127.0.0.1:8080/w/" + unlisted, "", 200, size{640, 360}},
		{"draft", "http://127.0.0.1:8080/w/" + draft, "", 404, size{}},
		{"not ours", "http://evil.example/w/" + public, "", 404, size{}},
		{"our name as somebody's user", "http://127.0.0.1:8080@evil.example/w/" + public, "", 404, size{}},
		{"another scheme", "ftp://127.0.0.1:8080/w/" + public, "", 404, size{}},
		{"no page of a video", "http://127.0.0.1:8080/about", "", 404, size{}},
		{"comments", watch + "/comments", "", 404, size{}},
		{"no address", "", "", 404, size{}},
		{"unknown format", watch, "&format=yaml", 501, size{}},
		{"zero width", watch, "&maxwidth=0", 400, size{}},
		{"no number", watch, "&maxwidth=wide", 400, size{}},
	} {
		t.Run(w.name, func(t *testing.T) {
			a := c.get(t, "/oembed?url="+url.QueryEscape(w.url)+w.more)
			if a.StatusCode != w.status {
				t.Fatalf("%d, want %d", a.StatusCode, w.status)
			}
			var got size
			if err := json.Unmarshal([]byte(a.body), &got); w.status == 200 && (err != nil || got != w.want) {
				t.Errorf("%+v, want %+v, %v", got, w.want, err)
			}
		})
	}
	a := c.get(t, "/services/oembed?format=xml&url="+url.QueryEscape(watch))
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/xml; charset=utf-8" || !strings.Contains(a.body, "<oembed>") {
		t.Errorf("XML at PeerTube's address: %d %s", a.StatusCode, a.body)
	}
	page := c.get(t, "/w/"+public)
	if !strings.Contains(page.body, "application/json+oembed") {
		t.Error("the watch page does not tell of oEmbed")
	}
}

func FuzzVideoOf(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1/w/abc", "https://a@b/w/c", "//127.0.0.1/w/x", "http://[::1]/embed/x", "http://127.0.0.1/w/a~b"} {
		f.Add(seed)
	}
	s := &site{local: true, channel: store.Channel{Domain: "127.0.0.1:8080"}}
	f.Fuzz(func(t *testing.T, address string) {
		id, ok := s.videoOf(address)
		if ok && (id == "" || strings.ContainsAny(id, "/~")) {
			t.Errorf("videoOf(%q) = %q", address, id)
		}
	})
}
