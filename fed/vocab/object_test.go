package vocab

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"deep":           strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"deep lists":     `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}",
		"many":           `{"a":[` + strings.Repeat("1,", 1_000_000) + "1]}",
		"twice":          `{"id":"https://a.example/1","id":"https://b.example/1"}`,
		"twice, escaped": `{"id":"a","\u0069d":"b"}`,
		"NUL":            `{"id":"https://a.example/\u0000"}`,
		"not UTF-8":      "{\"id\":\"\xff\"}",
		"a list":         `[{"id":"a"}]`,
		"a text":         `"id"`,
		"two":            `{"id":"a"} {"id":"b"}`,
		"cut":            `{"id":"a"`,
		"nothing":        ``,
		"no value":       `{"id":}`,
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObject(t *testing.T) {
	o, err := Parse([]byte(`{
		"@context": ["https://www.w3.org/ns/activitystreams", {"x": "y"}],
		"id": "https://peer.example/notes/1", "type": ["Note", "x:Other"],
		"to": "as:Public", "cc": ["https://peer.example/followers", {"id": "https://peer.example/users/b"}],
		"attributedTo": [{"type": "Person", "id": "https://peer.example/users/a"}],
		"contentMap": {"fr": "bonjour", "de": "hallo"}, "name": ["first", "second"],
		"published": "2026-01-02T03:04:05+01:00", "sensitive": true,
		"url": [{"type": "Link", "href": "https://peer.example/@a/1"}],
		"likes": {"type": "Collection", "totalItems": 7}, "shares": "https://peer.example/shares"
	}`))
	if err != nil {
		t.Fatal(err)
	}
	likes, known := o.Count("likes")
	_, unknown := o.Count("shares")
	inner, _ := o.Inner("attributedTo")
	got := fmt.Sprint(o.ID(), " ", o.Type(), " ", o.IsPublic(), " ", len(o.Audience()), " ", o.Ref("attributedTo"), " ", inner.Type(), " ",
		o.Text("content"), " ", o.Text("name"), " ", o.Time("published").Format(time.RFC3339), " ", o.True("sensitive"), " ",
		o.Ref("url"), " ", likes, known, unknown)
	want := "https://peer.example/notes/1 Note true 3 https://peer.example/users/a Person hallo first 2026-01-02T02:04:05Z true https://peer.example/@a/1 7 true false"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if o.Ref("nothing") != "" || o.Text("to2") != "" || !o.Time("name").IsZero() || o.True("name") {
		t.Error("makes something of nothing")
	}
}

func TestClean(t *testing.T) {
	if got := Clean(" a\x1b[31m\n b\u0085 ", 9); got != "a [31m b" {
		t.Errorf("%q", got)
	}
	if got := Clean(strings.Repeat("ä", 9), 3); got != "äää" {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"https://a.example/1","type":["Note"],"to":["as:Public"],"contentMap":{"en":"x"}}`))
	f.Add([]byte(`{"actor":{"id":1},"object":[[]],"totalItems":1e9,"likes":{"totalItems":-1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := Parse(text)
		if err != nil {
			return
		}
		o.ID()
		o.Type()
		o.IsPublic()
		for name := range o {
			o.Ref(name)
			o.Refs(name)
			o.Inners(name)
			o.Text(name)
			o.Time(name)
			if n, _ := o.Count(name); n < 0 {
				t.Errorf("%s counts %d", name, n)
			}
		}
	})
}
