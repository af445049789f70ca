package people

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/fed/vocab"
)

// FuzzHandle: what people type and servers name. A handle that is taken is in the one form in
// which handles are compared, and its host is nothing but a host in the address that is asked.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{"@ada@peer.example", "ada@B\u00fccher.example:8443", " ada@[::1]:80 ", "@@x", "a@b@c", "a@b/c", "a@b:443.", "\u0130@x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, handle string) {
		user, host, err := parse(handle)
		if err != nil {
			return
		}
		if again, same, err := parse("@" + user + "@" + host); err != nil || again != user || same != host {
			t.Fatalf("%q is %q at %q, and that is %q at %q, %v", handle, user, host, again, same, err)
		}
		address := "https://" + host + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:"+user+"@"+host)
		u, err := url.Parse(address)
		if err != nil || u.Host != host || u.User != nil || u.Path != "/.well-known/webfinger" || u.Query().Get("resource") != "acct:"+user+"@"+host {
			t.Errorf("%q asks %s, %v", handle, address, err)
		}
	})
}

// FuzzWebFinger: what a server answers. Visitors are only led to pages over TLS, with our
// address as one value.
func FuzzWebFinger(f *testing.F) {
	f.Add([]byte(`{"subject":"acct:ada@peer.example","links":[{"rel":"self","type":"application/activity+json","href":"https://peer.example/ada"},
		{"rel":"http://ostatus.org/schema/1.0/subscribe","template":"https://peer.example/follow?uri={uri}"}]}`))
	f.Add([]byte(`{"subject":["acct:a@b"],"links":{"rel":"self","type":1,"href":[]}}`))
	const address = "https://video.example/users/ada?x=1&y"
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := vocab.Parse(text)
		if err != nil {
			return
		}
		self(answer)
		if handle := subject(answer); handle != "" {
			if _, _, err := parse(handle); err != nil {
				t.Errorf("subject %q: %v", handle, err)
			}
		}
		if page := followPage(answer, address); page != "" && (!strings.HasPrefix(page, "https://") || strings.Contains(page, address)) {
			t.Errorf("visitors are led to %q", page)
		}
	})
}
