package term_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/cli/term"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "A talk", "A talk"},
		{"colour", "\x1b[31mred\x1b[0m", "red"},
		{"window title", "a\x1b]0;owned\x07b", "ab"},
		{"string ended by ST", "a\x1bPq#0\x1b\\b", "ab"},
		{"unfinished string", "a\x1b]0;owned", "a"},
		{"one byte C1", "a\u009b2Jb", "ab"},
		{"lone escape", "a\x1b", "a"},
		{"lines and tabs", "a\r\nb\tc", "a b c"},
		{"direction", "abc\u202egpj.exe", "abcgpj.exe"},
		{"joined emoji stays", "👩‍👧", "👩‍👧"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := term.Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
	if got, want := term.CleanLines("a\n\x1b[1mb\n\n"), "a\nb"; got != want {
		t.Errorf("CleanLines = %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("A talk")
	f.Add("\x1b[31mred\u009b0m\x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, in string) {
		for _, r := range term.Clean(in) {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("Clean(%q) lets %U through", in, r)
			}
		}
	})
}

func table() term.Table {
	return term.Table{
		Columns: []term.Column{{Title: "ID"}, {Title: "TITLE", Cut: true}, {Title: "VIEWS", Right: true}},
		Rows: [][]string{
			{"aaaa", "日本語のタイトル", "7"},
			{"bbbb", "A much longer title than fits\x1b[2J", "1200"},
		},
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := (&term.Terminal{Out: &out}).Write(table()); err != nil {
		t.Fatal(err)
	}
	want := "ID    TITLE                          VIEWS\n" +
		"aaaa  日本語のタイトル                   7\n" +
		"bbbb  A much longer title than fits   1200\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	tb := table()
	tb.NoHeader = true
	if err := (&term.Terminal{Out: &out, Width: 30}).Write(tb); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		w := 0
		for _, r := range strings.TrimRight(line, "\n") {
			w++
			if r > '\u3000' {
				w++ // Japanese
			}
		}
		if w > 30 {
			t.Errorf("%q is %d columns wide", line, w)
		}
	}
	if !strings.Contains(out.String(), "…") || strings.Contains(out.String(), "TITLE") {
		t.Errorf("got %q", out.String())
	}
}

func TestFormats(t *testing.T) {
	got := []string{
		term.Duration(42 * time.Second), term.Duration(725 * time.Second), term.Duration(3723 * time.Second),
		term.Bytes(0), term.Bytes(999), term.Bytes(1500), term.Bytes(999_700_000), term.Bytes(807_000_000),
		term.Time(time.Time{}),
	}
	want := []string{"0:42", "12:05", "1:02:03", "0 B", "999 B", "1.5 kB", "1.0 GB", "807 MB", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProgressOffTerminal(t *testing.T) {
	var errOut bytes.Buffer
	p := (&term.Terminal{Err: &errOut}).NewProgress()
	for i := range 101 {
		p.Show(term.Step{Stage: "encoding 720p", Percent: float64(i), Speed: 3.14, ETA: 12 * time.Second})
	}
	p.Clear()
	if errOut.Len() > 0 {
		t.Errorf("progress off a terminal: %q", errOut.String())
	}
}

func TestProgressOnTerminal(t *testing.T) {
	var errOut bytes.Buffer
	p := (&term.Terminal{Err: &errOut, ErrTTY: true, ErrWidth: 72}).NewProgress()
	p.Show(term.Step{Stage: "Copying " + strings.Repeat("x", 99), Percent: 100, Speed: 90})
	p.Show(term.Step{Stage: "Of nothing", Percent: math.NaN()})
	p.Show(term.Step{Stage: "Encoding 720p", Percent: 37.4, Speed: 3.14, ETA: 12 * time.Second})
	p.Clear()
	for _, want := range []string{"\r   0%  ░", "37%", "Encoding 720p, 3.1x, 0:12 left", "█"} {
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("no %q in %q", want, errOut.String())
		}
	}
	for part := range strings.SplitSeq(errOut.String(), "\r") {
		if w := utf8.RuneCountInString(part); w > 72 {
			t.Errorf("%q is %d columns wide", part, w)
		}
	}
}

func TestConfirm(t *testing.T) {
	tests := []struct {
		name, in string
		tty, err bool
		want     error
	}{
		{"the word", "abc\n", true, true, nil},
		{"without a line end", "abc", true, true, nil},
		{"another word", "y\n", true, true, term.ErrDeclined},
		{"nothing", "", true, true, term.ErrDeclined},
		{"no terminal", "abc\n", false, false, term.ErrNotAsked},
		{"the question would not be seen", "abc\n", true, false, term.ErrNotAsked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var errOut bytes.Buffer
			tm := &term.Terminal{In: strings.NewReader(tt.in), Err: &errOut, InTTY: tt.tty, ErrTTY: tt.err}
			if err := tm.Confirm(t.Context(), "Remove it?", "abc"); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if asked := strings.Contains(errOut.String(), "Type abc"); asked != (tt.tty && tt.err) {
				t.Errorf("asked: %v", asked)
			}
		})
	}
}

func TestConfirmEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tm := &term.Terminal{In: blocked{}, Err: &bytes.Buffer{}, InTTY: true, ErrTTY: true}
	if err := tm.Confirm(ctx, "Remove it?", "abc"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// blocked is a terminal on which nobody types.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }

func TestPaint(t *testing.T) {
	none := func(string) string { return "" }
	if got := term.New(nil, &bytes.Buffer{}, nil, none).Paint(term.Red, "x"); got != "x" {
		t.Errorf("colour off a terminal: %q", got)
	}
	out := &term.Terminal{Colour: true}
	if got := out.Paint(term.Red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
	if got := out.PaintErr(term.Red, "x"); got != "x" {
		t.Errorf("colour in a file: %q", got)
	}
}
