package pages

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tubelet/tubelet/store"
)

func TestFormats(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"clock zero", clock(0), "0:00"},
		{"clock seconds", clock(7*time.Second + 900*time.Millisecond), "0:07"},
		{"clock minutes", clock(12*time.Minute + 48*time.Second), "12:48"},
		{"clock hours", clock(time.Hour + 2*time.Minute + 3*time.Second), "1:02:03"},
		{"clock negative", clock(-time.Second), "0:00"},
		{"duration zero", duration(0), "PT0S"},
		{"duration minutes", duration(2 * time.Minute), "PT2M"},
		{"duration all", duration(time.Hour + 2*time.Minute + 3*time.Second), "PT1H2M3S"},
		{"number small", number(999), "999"},
		{"number thousands", number(1204), "1\u202f204"},
		{"number millions", number(12345678), "12\u202f345\u202f678"},
		{"number negative", number(-1204), "-1\u202f204"},
		{"views none", views(0), "No views yet"},
		{"views one", views(1), "1 view"},
		{"views many", views(2), "2 views"},
		{"size small", size(400), "0.4\u00a0kB"},
		{"size near a unit", size(999_999), "1.0\u00a0MB"},
		{"size MB", size(412_300_000), "412\u00a0MB"},
		{"size GB", size(1_843_221_004), "1.8\u00a0GB"},
		{"size beyond", size(5_000_000_000_000_000), "5000\u00a0TB"},
		{"initials", initials("The Small Workshop"), "TS"},
		{"initials of a handle", initials("@me"), "M"},
		{"initials of an accent", initials("élan vital"), "ÉV"},
		{"initials without capitals", initials("الورشة الصغيرة"), "ا"},
		{"initials of nothing", initials("!?"), ""},
		{"web", web("https://a.example/b?c"), "https://a.example/b?c"},
		{"web script", web("javascript://a.example/%0aalert(1)"), ""},
		{"web without host", web("https:a"), ""},
		{"own", own("/channel/a.jpg"), "/channel/a.jpg"},
		{"own elsewhere", own("//elsewhere.example/a.jpg"), ""},
		{"date", date(time.Date(2026, 3, 2, 23, 0, 0, 0, time.FixedZone("", -7200))), "3 March 2026"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestLicence(t *testing.T) {
	for said, want := range map[string]Licence{
		"":              {},
		"CC-BY-SA-4.0":  {"CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"},
		"cc-by-3.0":     {"CC BY 3.0", "https://creativecommons.org/licenses/by/3.0/"},
		"CC-BY-NC-ND":   {"CC BY-NC-ND 4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"},
		"CC0-1.0":       {"CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"},
		"CC-BY-9.9":     {Name: "CC-BY-9.9"},
		"CC-":           {Name: "CC-"},
		"BY-4.0":        {Name: "BY-4.0"},
		"Ask me first.": {Name: "Ask me first."},
	} {
		if diff := cmp.Diff(want, licence(said)); diff != "" {
			t.Errorf("licence(%q) (-want +got):\n%s", said, diff)
		}
	}
}

func TestPaging(t *testing.T) {
	address := func(n int) string { return string(rune('0' + n)) }
	for _, tt := range []struct {
		name       string
		paging     Paging
		pages      int
		prev, next string
	}{
		{"nothing", Paging{}, 1, "", ""},
		{"one page", Paging{Number: 1, Size: 10, Total: 10}, 1, "", ""},
		{"first", Paging{Number: 1, Size: 10, Total: 11}, 2, "", "2"},
		{"middle", Paging{Number: 2, Size: 10, Total: 30}, 3, "1", "3"},
		{"last", Paging{Number: 3, Size: 10, Total: 30}, 3, "2", ""},
		{"just past the end", Paging{Number: 4, Size: 10, Total: 30}, 3, "3", ""},
		{"far past the end", Paging{Number: 9, Size: 10, Total: 30}, 3, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prev, next := around(tt.paging, address)
			if tt.paging.Pages() != tt.pages || prev != tt.prev || next != tt.next {
				t.Errorf("got %d pages, %q and %q; want %d, %q and %q", tt.paging.Pages(), prev, next, tt.pages, tt.prev, tt.next)
			}
		})
	}
}

func TestFrameSize(t *testing.T) {
	for _, tt := range []struct{ w, h, wantW, wantH int }{
		{1920, 1080, 1280, 720}, {0, 0, 1280, 720}, {1080, 1920, 405, 720}, {2560, 1080, 1280, 540}, {640, 480, 960, 720}, {1, 9000, 1, 720},
	} {
		if w, h := frameSize(store.Media{Width: tt.w, Height: tt.h}); w != tt.wantW || h != tt.wantH {
			t.Errorf("frameSize(%dx%d) = %dx%d, want %dx%d", tt.w, tt.h, w, h, tt.wantW, tt.wantH)
		}
	}
}

// TestThread checks that the tree holds every comment that hangs together once, at
// most three levels deep.
func TestThread(t *testing.T) {
	chain := []store.Comment{{ID: 1}, {ID: 2, Parent: 1}, {ID: 3, Parent: 2}, {ID: 4, Parent: 3}, {ID: 5, Parent: 4}, {ID: 6, Parent: 6}, {ID: 7, Parent: 99}}
	shape := func(nodes []Node) (out [][]int64) {
		for _, n := range nodes {
			out = append(out, append([]int64{n.Comment.ID}, flat(n.Replies)...))
		}
		return out
	}
	top := Thread{Comments: chain}.Top()
	want := [][]int64{{1, 2, 3, 4, 5}, {6}, {7}}
	if diff := cmp.Diff(want, shape(top)); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if third := top[0].Replies[0].Replies; len(third) != 3 {
		t.Errorf("the third level holds %d comments, want 3", len(third))
	}
}

func flat(nodes []Node) (out []int64) {
	for _, n := range nodes {
		out = append(append(out, n.Comment.ID), flat(n.Replies)...)
	}
	return out
}

func TestProgressive(t *testing.T) {
	rendition := func(h int) store.Rendition { return store.Rendition{Height: h, File: number(h) + ".mp4"} }
	for _, tt := range []struct {
		name string
		have []store.Rendition
		want string
	}{
		{"none", nil, ""},
		{"one high", []store.Rendition{rendition(900)}, "/media/v/1/900.mp4"},
		{"ladder", []store.Rendition{rendition(900), rendition(720), rendition(480)}, "/media/v/1/720.mp4"},
		{"second language", []store.Rendition{rendition(900), {File: "audio-de.mp4", Language: "de"}}, "/media/v/1/900.mp4"},
		{"audio", []store.Rendition{{File: "audio.mp4"}}, "/media/v/1/audio.mp4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := store.Video{ID: "v", Media: store.Media{Rev: 1, Renditions: tt.have}}
			if got := NewPlayer(store.Channel{}, v, "").Progressive(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
