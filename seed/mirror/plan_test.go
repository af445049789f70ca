package mirror

import (
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

func TestPlan(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	file := func(name string, size int64, published, seeds int, held bool) candidate {
		h := metainfo.Hash([]byte(strings.Repeat(name, 20)))
		return candidate{File{Title: name, Bytes: size, Published: day(published), hash: h}, held, seeds}
	}
	tests := []struct {
		name        string
		size        int64
		all         []candidate
		fetch, drop string
	}{
		{"no limit", 0, []candidate{file("a", 5, 1, 0, false), file("b", 9, 2, 0, true)}, "a", ""},
		{"all fit", 20, []candidate{file("a", 5, 1, 0, false), file("b", 9, 2, 0, true)}, "a", ""},
		{"the newest first", 10, []candidate{file("a", 5, 1, 0, false), file("b", 5, 2, 0, false), file("c", 5, 3, 0, false)}, "cb", ""},
		{"new for old", 10, []candidate{file("a", 5, 1, 0, true), file("b", 5, 2, 0, true), file("c", 5, 3, 0, false)}, "c", "a"},
		{"old is not fetched again", 10, []candidate{file("a", 5, 1, 0, false), file("b", 5, 2, 0, true), file("c", 5, 3, 0, true)}, "", ""},
		{"what others seed goes first", 10, []candidate{file("a", 5, 1, 0, true), file("b", 5, 2, 2, true), file("c", 5, 3, 0, false)}, "c", "b"},
		{"what nobody seeds comes", 5, []candidate{file("a", 5, 1, 0, false), file("b", 5, 2, 2, true)}, "a", "b"},
		{"three seeds are as good as nine", 5, []candidate{file("a", 5, 1, 3, true), file("b", 5, 2, 9, false)}, "b", "a"},
		{"nothing goes without need", 10, []candidate{file("a", 5, 1, 0, true), file("b", 20, 2, 0, false)}, "", ""},
		{"too much after the limit shrank", 5, []candidate{file("a", 5, 1, 0, true), file("b", 5, 2, 0, true)}, "", "a"},
		{"small ones fill the room", 10, []candidate{file("a", 3, 1, 0, false), file("b", 8, 2, 0, true), file("c", 2, 1, 0, false)}, "c", ""},
		{"the same in two channels", 5, []candidate{file("a", 5, 1, 0, false), file("a", 5, 1, 0, false)}, "a", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fetch, drop := plan(test.all, test.size)
			if got := titles(fetch); got != test.fetch {
				t.Errorf("fetch %q, want %q", got, test.fetch)
			}
			if got := titles(drop); got != test.drop {
				t.Errorf("drop %q, want %q", got, test.drop)
			}
			if test.size > 0 {
				bounded(t, test.all, fetch, drop, test.size)
			}
		})
	}
}

func titles(files []File) string {
	var s strings.Builder
	for _, f := range files {
		s.WriteString(f.Title)
	}
	return s.String()
}

// bounded checks that the disk is never fuller than it may be, except before.
func bounded(t *testing.T, all []candidate, fetch, drop []File, size int64) {
	t.Helper()
	var used int64
	for _, c := range all {
		if c.held {
			used += c.Bytes
		}
	}
	for _, f := range drop {
		used -= f.Bytes
	}
	for _, f := range fetch {
		used += f.Bytes
	}
	if used > size {
		t.Errorf("%d bytes of %d", used, size)
	}
}
