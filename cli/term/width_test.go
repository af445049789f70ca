package term

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDrawn(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
		columns    int
	}{
		{"nothing", "", nil, 0},
		{"plain", "Abc", []string{"A", "b", "c"}, 3},
		{"accents beside their letters", "e\u0301a\u0308\u0323", []string{"e\u0301", "a\u0308\u0323"}, 2},
		{"Japanese", "日本", []string{"日", "本"}, 4},
		{"half and full width", "ｱＡ", []string{"ｱ", "Ａ"}, 3},
		{"Hangul", "한\u1112\u1161\u11ab", []string{"한", "\u1112\u1161\u11ab"}, 4},
		{"Devanagari", "की", []string{"की"}, 2},
		{"Thai", "ที่", []string{"ที่"}, 1},
		{"Hebrew", "שָׁ", []string{"שָׁ"}, 1},
		{"emoji", "🎬x", []string{"🎬", "x"}, 3},
		{"family", "👩‍👩‍👧x", []string{"👩‍👩‍👧", "x"}, 3},
		{"colour of skin", "👍🏽", []string{"👍🏽"}, 2},
		{"flags", "🇩🇪🇫🇷", []string{"🇩🇪", "🇫🇷"}, 4},
		{"Scotland", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", []string{"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"}, 2},
		{"heart as a picture, and as text", "❤️❤︎❤", []string{"❤️", "❤︎", "❤"}, 4},
		{"heart on fire", "❤️‍🔥", []string{"❤️‍🔥"}, 2},
		{"signs", "…±©▁█", []string{"…", "±", "©", "▁", "█"}, 5},
		{"joined letters are no picture", "a\u200db", []string{"a\u200d", "b"}, 2},
		{"without a width", "\u200b\u2060", []string{"\u200b", "\u2060"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for text := range drawn(test.text) {
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if n := covers(test.text); n != test.columns {
				t.Errorf("%d columns, want %d", n, test.columns)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"Abcdef", 6, "Abcdef"}, {"Abcdef", 4, "Abc…"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"},
		{"a👩‍👩‍👧bc", 4, "a👩‍👩‍👧…"}, {"a👩‍👩‍👧bc", 3, "a…"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := cut(test.text, test.width); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// Whatever a title holds, nothing of it gets lost, and a cut one is not too wide.
func FuzzDrawn(f *testing.F) {
	f.Add("A 日本 👩‍👩‍👧🇩🇪❤️", 7)
	f.Fuzz(func(t *testing.T, text string, width int) {
		var all strings.Builder
		for part, columns := range drawn(text) {
			if part == "" || columns < 0 || columns > 2*utf8.RuneCountInString(part) {
				t.Fatalf("%q covers %d", part, columns)
			}
			all.WriteString(part)
		}
		if all.String() != text {
			t.Errorf("%q became %q", text, all.String())
		}
		if width = min(max(1, width), 200); covers(cut(text, width)) > width {
			t.Errorf("%q is wider than %d", cut(text, width), width)
		}
	})
}
