package mirror_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/seed/mirror"
)

// TestFinger: @name@host is asked for by WebFinger; who tells of another account is not believed.
func TestFinger(t *testing.T) {
	c := newChannel(t)
	c.publish("video", 1000)
	at := strings.TrimPrefix(c.URL, "http://")
	answers := map[string]string{
		"acct:channel@": `{"subject":"acct:channel@HOST","links":[{"rel":"self","type":"application/activity+json","href":"` + c.URL + `/users/channel"}]}`,
		"acct:other@":   `{"subject":"acct:somebody@HOST","links":[{"rel":"self","href":"` + c.URL + `"}]}`,
		"acct:empty@":   `{"subject":"acct:empty@HOST","links":[]}`,
		"acct:file@":    `{"subject":"acct:file@HOST","links":[{"rel":"self","href":"file:///etc/passwd"}]}`,
		"acct:broken@":  `<html>`,
	}
	var handles *httptest.Server
	handles = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := url.Parse(handles.URL)
		text, ok := answers[strings.TrimSuffix(r.URL.Query().Get("resource"), u.Host)]
		if !ok || r.URL.Path != "/.well-known/webfinger" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, strings.ReplaceAll(text, "HOST", u.Host))
	}))
	defer handles.Close()
	host := strings.TrimPrefix(handles.URL, "http://")
	for account, want := range map[string]string{
		"@channel@" + host: c.URL, "@channel@" + at: c.URL, // the second host has no WebFinger, and is the channel's
		"@other@" + host: "", "@empty@" + host: "", "@file@" + host: "", "@broken@" + host: "", "@" + host: "", "@a@b/c": "", "@@" + host: "",
	} {
		m, err := mirror.New(mirror.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Add(t.Context(), account)
		if want == "" && err == nil || want != "" && (err != nil || got.Base != want) {
			t.Errorf("%s: %+v, %v; want %q", account, got.Listed, err, want)
		}
	}
}
