package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const wantsObject = "Accept: application/activity+json"

// TestNegotiation asks for ids and pages as people and as programs.
func TestNegotiation(t *testing.T) {
	c := newChannel(t)
	for _, w := range []struct {
		path, accept string
		status       int
		place        string
	}{
		{"/users/workshop", wantsObject, 200, ""},
		{"/users/workshop", "Accept: text/html", 302, "/"},
		{"/videos/" + public, wantsObject, 200, ""},
		{"/videos/" + public, "Accept: text/html", 302, "/w/" + public},
		{"/videos/" + unlisted, wantsObject, 404, ""},
		{"/videos/" + unlisted, "Accept: text/html", 302, "/w/" + unlisted},
		{"/w/" + public, wantsObject, 302, "/videos/" + public},
		{"/", wantsObject, 302, "/users/workshop"},
		{"/users/nobody", wantsObject, 404, ""},
	} {
		a := c.get(t, w.path, w.accept)
		if a.StatusCode != w.status || a.Header.Get("Location") != w.place {
			t.Errorf("%s, %s: %d %s; want %d %s", w.path, w.accept, a.StatusCode, a.Header.Get("Location"), w.status, w.place)
		}
		if w.status != 404 && !strings.Contains(strings.Join(a.Header.Values("Vary"), ", "), "Accept") {
			t.Errorf("%s: Vary %q", w.path, a.Header.Values("Vary"))
		}
		if w.status == 200 && !strings.HasPrefix(a.Header.Get("Content-Type"), "application/activity+json") {
			t.Errorf("%s: %s", w.path, a.Header.Get("Content-Type"))
		}
	}
	page := c.get(t, "/w/"+public).body
	if want := `<link rel="alternate" type="application/activity+json" href="http://127.0.0.1:8080/videos/` + public + `">`; !strings.Contains(page, want) {
		t.Errorf("the watch page lacks %s", want)
	}
	c.set(t, "federation", "off")
	for _, path := range []string{"/users/workshop", "/videos/" + public, "/.well-known/webfinger?resource=acct:workshop@127.0.0.1:8080", "/interact?what=follow"} {
		if a := c.get(t, path, wantsObject); a.StatusCode != 404 {
			t.Errorf("%s with the federation off: %d", path, a.StatusCode)
		}
	}
	if a := askURL(t, "POST", c.url+"/inbox", strings.NewReader("{}"), "Content-Type: application/activity+json"); a.StatusCode != 404 {
		t.Errorf("the inbox with the federation off: %d", a.StatusCode)
	}
}

// TestInteract leads people home, as far as that goes without a server there.
func TestInteract(t *testing.T) {
	c := newChannel(t)
	post := func(accept string, form url.Values) answer {
		return askURL(t, "POST", c.url+"/interact", strings.NewReader(form.Encode()), "Content-Type: application/x-www-form-urlencoded", "Accept: "+accept)
	}
	for name, w := range map[string]struct {
		form   url.Values
		status int
		says   string
	}{
		"no handle":       {url.Values{"what": {"follow"}, "handle": {"ada"}}, http.StatusBadRequest, "@you@social.example"},
		"not our network": {url.Values{"what": {"like"}, "video": {public}, "handle": {"@ada@127.0.0.1:1"}}, http.StatusUnprocessableEntity, "Search for"},
		"a hidden video":  {url.Values{"what": {"like"}, "video": {draft}, "handle": {"@ada@a.example"}}, http.StatusNotFound, ""},
		"no such wish":    {url.Values{"what": {"steal"}, "handle": {"@ada@a.example"}}, http.StatusNotFound, ""},
		"no such comment": {url.Values{"what": {"reply"}, "video": {public}, "comment": {"9"}, "handle": {"@ada@a.example"}}, http.StatusNotFound, ""},
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			if a := post(accept, w.form); a.StatusCode != w.status || !strings.Contains(a.body, w.says) || strings.Contains(strings.ToLower(a.body), "draftword") {
				t.Errorf("%s: %d %.300s", name, a.StatusCode, a.body)
			}
		}
	}
	for range 10 {
		post("text/html", url.Values{"what": {"follow"}, "handle": {"@ada@127.0.0.1:1"}})
	}
	if a := post("text/html", url.Values{"what": {"follow"}, "handle": {"@ada@127.0.0.1:1"}}); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("asked a dozen times: %d", a.StatusCode)
	}
}
