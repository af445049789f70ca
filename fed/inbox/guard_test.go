package inbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// D2 and D3: bodies that are too long, too deep, too many things.
func TestBodies(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	key := e.add(t, "ada", newKey(t, 2048))
	frame := string(encode(t, like(e, "ada", 1)))
	with := func(more string) string { return frame[:len(frame)-1] + "," + more + "}" }
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"D2 long":          {with(`"x":"` + strings.Repeat("a", 1<<20) + `"`), 413},
		"D3 deep":          {with(`"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), 400},
		"D3 many":          {with(`"x":{` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 100_000), ",") + "}"), 400},
		"D3 many values":   {with(`"x":[` + strings.TrimSuffix(strings.Repeat(`1,`, 400_000), ",") + "]"), 400},
		"D3 twice":         {with(`"type":"Delete"`), 400},
		"D3 invalid UTF-8": {with(`"x":"` + "\xff\xfe" + `"`), 400},
		"D3 NUL":           {with(`"x":"\u0000"`), 400},
		"D3 not JSON":      {"hello", 400},
		"D3 a list":        {"[" + frame + "]", 400},
		"D3 two values":    {frame + frame, 400},
		"D3 long string":   {with(`"x":"` + strings.Repeat("a", 900_000) + `"`), 202},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, key, []byte(test.body))
			r.Header.Set("X-Caller", name)
			if code := b.ask(r); code != test.want {
				t.Errorf("answered %d, want %d", code, test.want)
			}
		})
	}
}

// endless is a body without an end; it counts what was read.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

func TestEndlessBody(t *testing.T) {
	b := newBox(t)
	body := &endless{}
	r := httptest.NewRequest(http.MethodPost, own, body)
	r.Header.Set("Content-Type", "application/activity+json")
	if code := b.ask(r); code != http.StatusRequestEntityTooLarge || body.read > 2<<20 {
		t.Errorf("answered %d after %d bytes", code, body.read)
	}
}

// Who is blocked is refused, and who is too busy.
func TestGuards(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	key := e.add(t, "ada", newKey(t, 2048))
	host := strings.TrimPrefix(e.URL, "http://")
	if _, err := b.social.Block(t.Context(), social.Block{Target: "@ada@" + host, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if code := b.ask(request(t, key, encode(t, like(e, "ada", 1)))); code != http.StatusForbidden {
		t.Error(code)
	}
	codes := map[int]int{}
	for i := range 400 {
		r := httptest.NewRequest(http.MethodPost, own, strings.NewReader("x"))
		r.Header.Set("X-Caller", "busy")
		r.Header.Set("Content-Type", fmt.Sprint(i))
		codes[b.ask(r)]++
	}
	if codes[429] == 0 || codes[415] < 300 {
		t.Errorf("%v", codes)
	}
}

// A host that speaks is no longer given up.
func TestRevives(t *testing.T) {
	b, e := newBox(t), newEvil(t)
	key := e.add(t, "ada", newKey(t, 2048))
	host, now := strings.TrimPrefix(e.URL, "http://"), time.Now()
	out := social.Outgoing{URI: "x", By: social.Person, Inboxes: []social.Recipient{{Inbox: e.URL + "/inbox", Host: host}}}
	if err := b.social.Send(t.Context(), out, now); err != nil {
		t.Fatal(err)
	}
	d, err := b.social.Due(t.Context(), host, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.social.Record(t.Context(), []social.Outcome{{Delivery: d, Again: now, Hold: true}}, now, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if hosts, err := b.social.Hosts(t.Context()); err != nil || len(hosts) != 1 || !hosts[0].Parked || hosts[0].Queued != 0 {
		t.Fatalf("%+v, %v", hosts, err)
	}
	if code := b.ask(request(t, key, encode(t, like(e, "ada", 1)))); code != 202 {
		t.Error(code)
	}
	if hosts, err := b.social.Hosts(t.Context()); err != nil || len(hosts) != 0 {
		t.Errorf("%+v, %v", hosts, err)
	}
}

// FuzzBody feeds bodies of any kind to the whole path of a request whose signature is right.
func FuzzBody(f *testing.F) {
	b, e := newBox(f), newEvil(f)
	key := e.add(f, "ada", newKey(f, 2048))
	f.Add(encode(f, like(e, "ada", 1)))
	f.Add([]byte(`{"id":1,"type":["Like",{}],"actor":[{"id":"x"}]}`))
	f.Add([]byte(`{"actor":"` + e.URL + `/users/ada","type":"Delete","object":[]}`))
	n := 0
	f.Fuzz(func(t *testing.T, body []byte) {
		r := request(t, key, body)
		n++
		r.Header.Set("X-Caller", fmt.Sprint(n))
		switch code := b.ask(r); code {
		case 202, 400, 401, 413, 429:
		default:
			t.Errorf("answered %d", code)
		}
	})
}
