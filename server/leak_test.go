package server

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/server/preview"
)

// paths are the addresses that a route answers for a video, by pattern.
func paths(id, rev string) map[string][]string {
	return map[string][]string{
		"GET /w/{id}":                         {"/w/" + id},
		"GET /w/{id}/comments":                {"/w/" + id + "/comments"},
		"GET /embed/{id}":                     {"/embed/" + id, "/embed/" + id + "?autoplay=1"},
		"GET /media/{id}/captions/{file}":     {"/media/" + id + "/captions/en-0badcafe.vtt"},
		"OPTIONS /media/{id}/{folder}/{file}": nil, // the same whatever the names are
		"GET /download/{id}/{file}":           {"/download/" + id + "/720p.mp4", "/download/" + id + "/source.mov"},
		"GET /media/{id}/{rev}/{file}": {
			"/media/" + id + "/" + rev + "/720p.mp4", "/media/" + id + "/" + rev + "/480p.mp4",
			"/media/" + id + "/" + rev + "/master.m3u8", "/media/" + id + "/" + rev + "/chapters.vtt", "/media/" + id + "/" + rev + "/720p.m3u8", "/media/" + id + "/" + rev + "/poster-0badcafe.jpg",
			"/media/" + id + "/" + rev + "/storyboard-0badcafe.jpg", "/media/" + id + "/" + rev + "/storyboard-0badcafe.vtt",
		},
		"POST /views/{id}": {"/views/" + id},

		"GET /knock":  {"/knock"},
		"POST /knock": {"/knock"},
		"GET /livez":  {"/livez"},
		"GET /readyz": {"/readyz"},

		"GET /tracker/socket":   {"/tracker/socket"},
		"GET /tracker/announce": {"/tracker/announce"},
		"GET /tracker/scrape":   {"/tracker/scrape"},
		"GET /tracker/crowd":    {"/tracker/crowd", "/tracker/crowd?info_hash=" + strings.Repeat("ab", 20)},

		"GET /{$}":    {"/", "/?tag=secrettag", "/?tag=wood", "/?page=2"},
		"GET /search": {"/search?q=draftword", "/search?q=sched", "/search?q=unlistedword", "/search?q=secrettag", "/search?q=processingword", "/search"},
		"GET /about":  {"/about"},
		"GET /":       {"/nothing", "/w/", "/media/" + id, "/media/" + id + "/" + rev, "/metrics", "/debug/pprof/"},

		"GET /feed.xml":        {"/feed.xml"},
		"GET /feed.atom":       {"/feed.atom"},
		"GET /feed.json":       {"/feed.json"},
		"GET /sitemap.xml":     {"/sitemap.xml"},
		"GET /robots.txt":      {"/robots.txt"},
		"GET /oembed":          {"/oembed?url=" + url.QueryEscape("http://127.0.0.1:8080/w/"+id)},
		"GET /services/oembed": {"/services/oembed?url=" + url.QueryEscape("http://127.0.0.1:8080/embed/"+id)},
		"GET /assets/":         {"/assets/" + id},
		"GET /channel/{file}":  {"/channel/" + id},

		"GET /videos/{id}":               {"/videos/" + id},
		"GET /videos/{id}/chapters":      {"/videos/" + id + "/chapters"},
		"GET /videos/{id}/{collection}":  {"/videos/" + id + "/replies", "/videos/" + id + "/likes", "/videos/" + id + "/comments?page=1", "/videos/" + id + "/nothing"},
		"GET /activities/create/{id}":    {"/activities/create/" + id},
		"GET /activities/announce/{id}":  {"/activities/announce/" + id},
		"GET /activities/boost/{boost}":  {"/activities/boost/" + id},
		"GET /users/{name}":              {"/users/workshop", "/users/workshop_channel", "/users/" + id},
		"GET /users/{name}/outbox":       {"/users/workshop/outbox", "/users/workshop/outbox?page=1", "/users/workshop_channel/outbox?page=1"},
		"GET /users/{name}/followers":    {"/users/workshop/followers"},
		"GET /users/{name}/following":    {"/users/workshop/following"},
		"GET /users/{name}/featured":     {"/users/workshop/featured"},
		"GET /comments/{number}":         {"/comments/1"},
		"GET /comments/{number}/replies": {"/comments/1/replies"},
		"GET /quotes/{number}":           {"/quotes/1"},
		"GET /.well-known/webfinger":     {"/.well-known/webfinger?resource=acct:workshop@127.0.0.1:8080"},
		"GET /.well-known/host-meta":     {"/.well-known/host-meta"},
		"GET /.well-known/nodeinfo":      {"/.well-known/nodeinfo"},
		"GET /nodeinfo/{version}":        {"/nodeinfo/2.0", "/nodeinfo/2.1"},
		"GET /interact":                  {"/interact?what=like&video=" + id, "/interact?what=follow"},
		"POST /interact":                 {"/interact?what=like&video=" + id},
		"POST /inbox":                    {"/inbox"},
		"POST /users/{name}/inbox":       {"/users/workshop/inbox"},
		"GET /avatars/{file}":            {"/avatars/" + id + ".jpg"},
		"GET /favicon.svg":               {"/favicon.svg"},
		"GET /favicon.ico":               {"/favicon.ico"},
	}
}

// TestHiddenVideosLeakNowhere asks every route for each hidden video, as somebody who
// knows the id, and as somebody who guesses a key.
func TestHiddenVideosLeakNowhere(t *testing.T) {
	c := newChannel(t)
	words := []string{"draftword", "scheduledword", "processingword", "secrettag", draft, scheduled, processing}
	for _, id := range []string{draft, scheduled, processing} {
		for _, address := range []string{id, id + "~", id + "~aaaaaaaaaaaaaaaaaaaa", id + "~" + c.keys.Key(public)} {
			for pattern, list := range paths(address, "1") {
				method, _, _ := strings.Cut(pattern, " ")
				for _, path := range list {
					a := c.ask(t, method, path)
					if strings.Contains(pattern, "{id}") && a.StatusCode != http.StatusNotFound {
						t.Errorf("%s %s: %d, want 404", method, path, a.StatusCode)
					}
					object := c.ask(t, method, path, "Accept: application/activity+json")
					if object.StatusCode == http.StatusFound && strings.HasPrefix(object.Header.Get("Location"), "/videos/") {
						object = c.ask(t, method, object.Header.Get("Location"), "Accept: application/activity+json")
					}
					if strings.Contains(pattern, "{id}") && object.StatusCode != http.StatusNotFound {
						t.Errorf("%s %s: %d for an object, want 404", method, path, object.StatusCode)
					}
					if pattern != "GET /search" { // a page, whatever is asked for
						mustLack(t, "the object "+path, strings.ToLower(object.body), []string{"draftword", "scheduledword", "processingword", "/w/" + id})
					}
					// The search page repeats what was searched for, and its query only.
					if text := strings.ToLower(a.body); pattern != "GET /search" {
						mustLack(t, path, text, words)
					} else {
						mustLack(t, path, text, []string{"/w/" + id})
					}
				}
			}
		}
	}
}

func mustLack(t *testing.T, path, text string, words []string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(text, word) {
			t.Errorf("%s tells of %s", path, word)
		}
	}
}

// TestUnlistedIsNamedNowhere asks every page that names videos.
func TestUnlistedIsNamedNowhere(t *testing.T) {
	c := newChannel(t)
	c.set(t, "downloads", "all")
	for _, path := range []string{
		"/", "/?tag=wood", "/about", "/search?q=how", "/w/" + public, "/embed/" + public,
		"/feed.xml", "/feed.atom", "/feed.json", "/sitemap.xml", "/robots.txt",
	} {
		mustLack(t, path, strings.ToLower(c.get(t, path).body), []string{"unlistedword", unlisted, "secrettag"})
	}
	for pattern, list := range paths(unlisted, "1") {
		if !strings.HasPrefix(pattern, "GET /videos") && !strings.HasPrefix(pattern, "GET /users") && !strings.HasPrefix(pattern, "GET /activities") {
			continue
		}
		for _, path := range list {
			a := c.get(t, path, "Accept: application/activity+json")
			if strings.Contains(path, unlisted) && a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d, want 404", path, a.StatusCode)
			}
			mustLack(t, "the object "+path, strings.ToLower(a.body), []string{"unlistedword", unlisted, "secrettag"})
		}
	}
	if a := c.get(t, "/search?q=unlistedword"); strings.Contains(a.body, unlisted) {
		t.Error("the search finds the unlisted video")
	}
	if a := c.get(t, "/?tag=secrettag"); a.StatusCode != 404 {
		t.Errorf("its tag has a page: %d", a.StatusCode)
	}
	for _, list := range []string{"GET /w/{id}", "GET /w/{id}/comments", "GET /embed/{id}", "GET /media/{id}/{rev}/{file}", "GET /download/{id}/{file}"} {
		for _, path := range paths(unlisted, "1")[list] {
			a := c.get(t, path)
			if a.StatusCode != 200 || a.Header.Get("X-Robots-Tag") != "noindex" {
				t.Errorf("%s: %d, X-Robots-Tag %q; want 200, noindex", path, a.StatusCode, a.Header.Get("X-Robots-Tag"))
			}
			if strings.Contains(a.Header.Get("Cache-Control"), "public") {
				t.Errorf("%s: Cache-Control %q", path, a.Header.Get("Cache-Control"))
			}
		}
	}
}

// TestPreview opens everything of a hidden video with its key, and looks that nobody
// keeps or indexes it.
func TestPreview(t *testing.T) {
	c := newChannel(t)
	c.set(t, "downloads", "all")
	keys, err := preview.Load(c.data) // as the command line does
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{draft, scheduled} {
		address := keys.Address(id)
		for pattern, list := range paths(address, "1") {
			if !strings.HasPrefix(pattern, "GET") || !strings.Contains(pattern, "{id}") || strings.HasPrefix(pattern, "GET /videos") || strings.HasPrefix(pattern, "GET /activities") {
				continue // there are no objects of what is hidden, with no key either
			}
			for _, path := range list {
				a := c.get(t, path)
				if a.StatusCode != 200 || a.Header.Get("Cache-Control") != private || a.Header.Get("X-Robots-Tag") != "noindex" {
					t.Errorf("%s: %d, Cache-Control %q, X-Robots-Tag %q", path, a.StatusCode, a.Header.Get("Cache-Control"), a.Header.Get("X-Robots-Tag"))
				}
			}
		}
		page := c.get(t, "/w/"+address)
		for _, want := range []string{"/media/" + address + "/1/", `content="noindex"`} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the preview page lacks %s", want)
			}
		}
		if a := c.get(t, "/oembed?url="+url.QueryEscape("http://127.0.0.1:8080/w/"+address)); a.StatusCode != 404 {
			t.Errorf("oEmbed describes a hidden video: %d", a.StatusCode)
		}
		if a := c.ask(t, "POST", "/views/"+address); a.StatusCode != http.StatusBadRequest {
			t.Errorf("a view without a session: %d", a.StatusCode)
		}
	}
	if a := c.get(t, "/w/"+keys.Address(public)+"?t=5"); a.StatusCode != http.StatusFound || a.Header.Get("Location") != "/w/"+public+"?t=5" {
		t.Errorf("the preview address of a published video: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
}

// TestOriginalsAreAskedFor asks every route for the original, which tells where it was
// filmed and with what, of every video and as everybody.
func TestOriginalsAreAskedFor(t *testing.T) {
	c := newChannel(t)
	addresses := []string{public, unlisted, c.keys.Address(draft), c.keys.Address(scheduled)}
	for _, w := range []struct {
		setting             string
		rendition, original int
		named               bool
	}{
		{"renditions", 200, 404, false},
		{"none", 200, 404, false}, // what new videos start with is no matter of these
		{"all", 200, 200, true},
		{"true", 200, 404, false},
	} {
		c.set(t, "downloads", w.setting)
		for _, address := range addresses {
			rendition := c.get(t, "/download/"+address+"/720p.mp4")
			original := c.get(t, "/download/"+address+"/source.mov")
			if rendition.StatusCode != w.rendition || original.StatusCode != w.original {
				t.Errorf("%s: %s: rendition %d, original %d", w.setting, address, rendition.StatusCode, original.StatusCode)
			}
			if kind := original.Header.Get("Content-Type"); w.original == 200 && kind != "application/octet-stream" {
				t.Errorf("the original is %s", kind)
			}
			for pattern, list := range paths(address, "1") {
				if method, _, _ := strings.Cut(pattern, " "); method != "GET" || strings.HasPrefix(pattern, "GET /download/") {
					continue
				}
				for _, path := range list {
					named := strings.Contains(c.get(t, path).body, "source.mov")
					if named != (w.named && pattern == "GET /w/{id}") {
						t.Errorf("%s: %s names the original: %v", w.setting, path, named)
					}
				}
			}
			if a := c.get(t, "/media/"+address+"/1/source.mov"); a.StatusCode != 404 {
				t.Errorf("%s: the original is among the media: %d", w.setting, a.StatusCode)
			}
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
	c.set(t, "downloads", "all")
	if a := c.get(t, "/download/"+public+"/source.mov"); a.StatusCode != 404 {
		t.Errorf("the original of a video without downloads: %d", a.StatusCode)
	}
}

// TestLeakTestKnowsEveryRoute keeps the table above complete.
func TestLeakTestKnowsEveryRoute(t *testing.T) {
	c := newChannel(t)
	routes := slices.Sorted(maps.Keys(c.routes()))
	tested := slices.Sorted(maps.Keys(paths("x", "1")))
	if !slices.Equal(routes, tested) {
		t.Errorf("routes %q\ntested %q", routes, tested)
	}
}
