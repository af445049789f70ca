package check_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/store"
)

func TestChannel(t *testing.T) {
	got, err := check.Channel(store.Channel{Name: " The  Small\nWorkshop ", Description: "a\r\nb ", Language: "EN",
		Links: []store.Link{{Label: " Home ", URL: "https://example.org/?a=b"}}})
	want := store.Channel{Name: "The Small Workshop", Description: "a\nb", Language: "en",
		Links: []store.Link{{Label: "Home", URL: "https://example.org/?a=b"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for name, c := range map[string]store.Channel{
		"no name":    {Name: " "},
		"language":   {Name: "x", Language: "none at all"},
		"script":     {Name: "x", Links: []store.Link{{URL: "javascript:alert(1)"}}},
		"no address": {Name: "x", Links: []store.Link{{Label: "Home", URL: "example"}}},
		"too many":   {Name: "x", Links: make([]store.Link, 21)},
	} {
		if _, err := check.Channel(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
