package tracker

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// TestCrowd: who begins hears who else does, itself aside.
func TestCrowd(t *testing.T) {
	c := fuzzed()
	ask := func(hash, from string) (int, string) {
		r := httptest.NewRequest("GET", "/tracker/crowd?info_hash="+hash, nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		c.Crowd(w, r)
		if w.Code == 200 && w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("an answer that may be kept: %v", w.Header())
		}
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	hash := strings.Repeat("0b", 20)
	for _, who := range []struct{ from, want string }{
		{"192.0.2.1:1", `{"joined":0,"beginning":0}`},
		{"192.0.2.1:2", `{"joined":0,"beginning":0}`},
		{"192.0.2.2:1", `{"joined":0,"beginning":1}`},
		{"[::ffff:192.0.2.2]:1", `{"joined":0,"beginning":1}`},
		{"[2001:db8::1]:1", `{"joined":0,"beginning":2}`},
		{"[2001:db8::2]:1", `{"joined":0,"beginning":2}`}, // of the same home
		{"192.0.2.1:3", `{"joined":0,"beginning":2}`},
	} {
		if code, body := ask(hash, who.from); code != 200 || body != who.want {
			t.Errorf("%s: %d %s, want %s", who.from, code, body, who.want)
		}
	}
	for hash, want := range map[string]int{"": 400, "xy": 400, strings.Repeat("f0", 20): 404} {
		if code, body := ask(hash, "192.0.2.9:1"); code != want {
			t.Errorf("of %q: %d %s", hash, code, body)
		}
	}
	code, asked := 200, 0
	for ; code == 200 && asked < 1000; asked++ {
		code, _ = ask(hash, "192.0.2.7:1")
	}
	if code != 429 || asked < 10 {
		t.Errorf("after %d questions of one address: %d", asked, code)
	}
}

// TestArrivals: they are forgotten in time, and bounded.
func TestArrivals(t *testing.T) {
	var a arrivals
	now := time.Now()
	from := netip.MustParseAddr("10.0.0.0")
	for range 2 * maxArrivals {
		from = from.Next()
		a.meet(metainfo.Hash{1}, from, now)
	}
	stranger := netip.MustParseAddr("192.0.2.1")
	if n := a.meet(metainfo.Hash{1}, stranger, now.Add(arrivalTime)); n != maxArrivals {
		t.Errorf("%d are known, want %d", n, maxArrivals)
	}
	if n := a.meet(metainfo.Hash{2}, stranger, now.Add(arrivalTime)); n != 0 {
		t.Errorf("another film has %d", n)
	}
	if n := a.meet(metainfo.Hash{1}, stranger, now.Add(arrivalTime+1)); n != 0 || len(a) != 1 {
		t.Errorf("later %d, %d kept", n, len(a))
	}
}
