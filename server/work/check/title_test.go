package check_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tubelet/tubelet/server/work/check"
)

func TestTitle(t *testing.T) {
	tests := []struct{ name, given, metadata, file, want string }{
		{"given wins", "A talk", "Meta", "x.mp4", "A talk"},
		{"metadata next", "", "Meta", "x.mp4", "Meta"},
		{"file name last", "", "", "my-talk_2026.mp4", "My talk 2026"},
		{"path is dropped", "", "", "/home/a/holiday film.mov", "Holiday film"},
		{"no extension", "", "", "README", "README"},
		{"dots inside", "", "", "v1.2 release.webm", "V1.2 release"},
		{"hidden file", "", "", ".mp4", ".mp4"},
		{"long ending is no extension", "", "", "Dr. Strangelove", "Dr. Strangelove"},
		{"first letter beyond ASCII", "", "", "über-uns.mp4", "Über uns"},
		{"nothing at all", "", "", "", "Untitled"},
		{"only separators", "", "", "---.mp4", "Untitled"},
		{"control characters", "a\x1b[31mb\x00c\nd", "", "", "a[31mbc d"},
		{"direction overrides", "abc\u202Egpj.exe", "", "", "abcgpj.exe"},
		{"blank is absent", " \t ", "Meta", "", "Meta"},
		{"broken UTF-8", "a\xffb", "", "", "a\uFFFDb"},
		{"too long", strings.Repeat("é", 300), "", "", strings.Repeat("é", 200)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := check.Title(tt.given, tt.metadata, tt.file); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	got := check.Text("  one\r\n\r\ntwo\tthree\x07\rfour\u2028five  ", 100)
	if want := "one\n\ntwo\tthree\nfourfive"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("my-talk_2026.mp4")
	f.Add("a\x00\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := check.Title(s, "", s)
		if got == "" || !utf8.ValidString(got) || utf8.RuneCountInString(got) > check.MaxTitle {
			t.Fatalf("%q became %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q kept %U", s, r)
			}
		}
	})
}
