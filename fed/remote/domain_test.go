package remote

import (
	"testing"
	"time"
)

func TestDomain(t *testing.T) {
	for host, want := range map[string]string{
		"social.example.org": "example.org", "a.b.c.example.org": "example.org", "example.co.uk": "example.co.uk", "x.example.co.uk": "example.co.uk",
		"me.github.io": "me.github.io", "127.0.0.1:8080": "127.0.0.1:8080", "localhost": "localhost", "social.example.org:8443": "example.org",
	} {
		if got := Domain(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

// A domain with any number of hosts is asked no more often than one with one.
func TestPace(t *testing.T) {
	p, now := newPace(), time.Now()
	allow := func(host string, at time.Time) bool { return p.Take(Domain(host), at) }
	allowed := 0
	for i := range 2 * asksAtOnce {
		if allow(string(rune('a'+i%26))+".wild.example", now) {
			allowed++
		}
	}
	if allowed != asksAtOnce {
		t.Errorf("%d requests at once, want %d", allowed, asksAtOnce)
	}
	if !allow("other.example", now) || !allow("a.wild.example", now.Add(time.Second)) {
		t.Error("others, or later, must wait as well")
	}
}
