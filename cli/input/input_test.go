package input_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/cli/input"
	"github.com/tubelet/tubelet/store"
)

var update = flag.Bool("update", false, "write the golden files")

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestTime(t *testing.T) {
	zone := berlin(t)
	tests := []struct{ in, want string }{
		{"2026-12-01T18:00", "2026-12-01T17:00:00Z"},
		{"2026-12-01 18:00", "2026-12-01T17:00:00Z"},
		{" 2026-07-01 18:00:30 ", "2026-07-01T16:00:30Z"},
		{"2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"},
		{"2026-12-01T18:00:00-05:00", "2026-12-01T23:00:00Z"},
		{"2027-03-28 02:30", ""}, // summer time begins at 2:00
		{"2026-12-01", ""},
		{"18:00", ""},
		{"tomorrow", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, err := input.Time(tt.in, zone)
		if (err != nil) != (tt.want == "") || err == nil && got.UTC().Format(time.RFC3339) != tt.want {
			t.Errorf("Time(%q) = %v, %v; want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestFutureTime(t *testing.T) {
	now := time.Date(2026, 12, 1, 18, 0, 0, 0, berlin(t))
	if _, err := input.FutureTime("2026-12-01 18:00", now); err == nil {
		t.Error("the present is taken for the future")
	}
	if _, err := input.FutureTime("2026-12-01 18:01", now); err != nil {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	got := input.List([]string{"wood, tools", "tools", " ,", "paper"})
	if diff := cmp.Diff([]string{"wood", "tools", "paper"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCaptions(t *testing.T) {
	got, err := input.Captions([]string{"en=a=b.srt", "de=c.vtt"})
	if diff := cmp.Diff(map[string]string{"en": "a=b.srt", "de": "c.vtt"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, bad := range [][]string{{"a.srt"}, {"=a.srt"}, {"en="}, {"en=a", "en=b"}} {
		if _, err := input.Captions(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func video() store.Video {
	return store.Video{
		Title: "Cut: a \"dovetail\" #1", Description: "First line.\n\n---\n\nAfter a rule.",
		Visibility: store.Unlisted, Tags: []string{"wood", "0:10"}, Language: "en", License: "CC-BY-4.0", Downloads: true,
		PublishAt: time.Date(2026, 12, 1, 18, 0, 5, 0, time.Local),
		Chapters: []store.Chapter{
			{Title: "0:00 is the start"}, {Start: 61*time.Minute + 1500*time.Millisecond, Title: "Late: the end"},
		},
	}
}

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local) }

func TestFormatThenParseChangesNothing(t *testing.T) {
	for name, v := range map[string]store.Video{"full": video(), "bare": {Title: "x", Visibility: store.Public}} {
		text := input.Format(v)
		got, err := input.Parse(text, v, now())
		if diff := cmp.Diff(v, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s\n%s", name, err, diff, text)
		}
	}
}

func TestFormatGolden(t *testing.T) {
	got := input.Format(video())
	golden := filepath.Join("testdata", "full.md")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestParse(t *testing.T) {
	text := "---\r\ntitle: New\r\ntags: [b, a, b]\r\nchapters:\r\n  - 0:00 One\r\n  - 1:02:03.5 Two\r\nat: 2026-12-24 18:00\r\ndownloads: no\r\n---\r\n\r\nNew text\r\n"
	want := video()
	want.Title, want.Tags, want.Downloads, want.Description = "New", []string{"b", "a"}, false, "New text"
	want.Chapters = []store.Chapter{{Title: "One"}, {Start: 3723500 * time.Millisecond, Title: "Two"}}
	want.PublishAt = time.Date(2026, 12, 24, 18, 0, 0, 0, time.Local)
	got, err := input.Parse([]byte(text), video(), now())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestParseNamesTheLine(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		says       string
	}{
		{"no front matter", "title: x\n", 1, "three dashes"},
		{"no end", "---\ntitle: x\n", 1, "second line"},
		{"unknown key", "---\ntitle: x\ntitel: y\n---\n", 3, `"titel"`},
		{"twice", "---\ntitle: x\n# note\ntitle: y\n---\n", 4, "twice"},
		{"syntax", "---\ntitle: x\n  at: y\n---\n", 3, "begins with spaces"},
		{"empty title", "---\n\ntitle:\n---\n", 3, "title: a video needs one"},
		{"visibility", "---\nvisibility: secret\n---\n", 2, "public, unlisted or draft"},
		{"past", "---\nat: 2020-01-01 10:00\n---\n", 2, "past"},
		{"downloads", "---\ndownloads: perhaps\n---\n", 2, "true or false"},
		{"tags", "---\ntags: {a: b}\n---\n", 2, "list"},
		{"nested tag", "---\ntags:\n- a\n- [b]\n---\n", 4, "one value"},
		{"chapter", "---\nchapters:\n- 0:00 A\n- soon B\n---\n", 4, `"soon B"`},
		{"chapter order", "---\nchapters:\n- 0:30 A\n- 0:20 B\n---\n", 4, "does not come after"},
		{"chapter minutes", "---\nchapters:\n- 0:75 A\n---\n", 3, "time and title"},
		{"no space behind the colon", "---\ntitle:x\n---\n", 2, "lines such as"},
		{"an item of nothing", "---\ntitle: x\n- a\n---\n", 3, "lines such as"},
		{"open quote", "---\ntitle: 'It''s\n---\n", 2, "not closed"},
		{"behind a quote", "---\ntitle: 'One' two\n---\n", 2, "behind the closing quote"},
		{"no such escape", "---\ntitle: \"C:\\dir\"\n---\n", 2, "for a backslash"},
		{"half an escape", "---\ntitle: \"\\u00\n---\n", 2, "for a backslash"},
		{"open list", "---\ntags: [a, b\n---\n", 2, "or its ]"},
		{"list that goes on", "---\ntags: [a,\n---\n", 2, "not closed with ]"},
		{"no comma", "---\ntags: ['a' 'b']\n---\n", 2, "comma"},
		{"behind a list", "---\ntags: [a] b\n---\n", 2, "behind the closing bracket"},
		{"several lines", "---\nwarning: |\n  a\n---\n", 2, "on one line"},
		{"a list for one", "---\ntitle:\n- a\n---\n", 2, "one value"},
		{"bell", "---\n\ntitle: a\ab\n---\n", 3, "no text"},
		{"no mapping", "---\n- a\n---\n", 2, "lines such as"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := input.Parse([]byte(tt.text), video(), now())
			line, ok := errors.AsType[*input.LineError](err)
			if !ok || line.Line != tt.line || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want line %d with %q", err, tt.line, tt.says)
			}
		})
	}
}

func TestParseOfPublished(t *testing.T) {
	v := video()
	v.PublishAt = now().Add(-time.Hour)
	v.PublishedAt = now()
	got, err := input.Parse([]byte("---\nat:\n---\n"+v.Description), v, now())
	if err != nil || !input.Same(v, got) {
		t.Errorf("a moment that has passed was changed: %v, %v", got.PublishAt, err)
	}
}

// TestParseTakes: what older versions wrote, and people write, in all the forms of YAML that are for this.
func TestParseTakes(t *testing.T) {
	text := "---\ntags: # two\n- wood # oak\n\n  # and\n-   'it''s'\nchapters:\n    - 0:00 A: b # c\n    - \"1:00 \\x44\"\n    - '2:00 e'\n" +
		"visibility : draft # for now\nlanguage: ~\nwarning: null\ndownloads: Yes\np2p: 'on'\n---"
	want := video()
	want.Tags, want.Visibility, want.Language, want.P2P, want.Description = []string{"wood", "it's"}, store.Draft, "", "on", ""
	want.Chapters = []store.Chapter{{Title: "A: b # c"}, {Start: time.Minute, Title: "D"}, {Start: 2 * time.Minute, Title: "e"}}
	got, err := input.Parse([]byte(text), video(), now())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for list, tags := range map[string][]string{
		"[]": nil, "": nil, "[ a , 'b]',\"c\" ,] # so": {"a", "b]", "c"}, "[a b, c#d]": {"a b", "c#d"},
	} {
		got, err := input.Parse([]byte("---\ntags: "+list+"\n---\n"), video(), now())
		if diff := cmp.Diff(tags, got.Tags); err != nil || diff != "" {
			t.Errorf("%s: %v %s", list, err, diff)
		}
	}
}

// What Parse takes must come back from Format as the same video: else an edit that
// changes nothing would change something.
func FuzzParse(f *testing.F) {
	f.Add("---\ntitle: x\nchapters:\n- 1:02:03.5 Two\nat: 2026-12-24 18:00\n---\nText\n")
	f.Add("---\ntags: [a, 'b: c', \"\\u0001\"]\nlanguage: ~\n---\n---\n")
	f.Add("---\ntitle: 'a''b: # '\nwarning: \"\\u2028\\ufeff\"\ntags:\n- '[,]'\n- null\nchapters:\n- 0:00 null: #\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := input.Parse([]byte(text), video(), now())
		if err != nil {
			return
		}
		again := input.Format(v)
		got, err := input.Parse(again, v, now())
		if diff := cmp.Diff(v, got); err != nil || diff != "" {
			t.Errorf("%v %s\n%s", err, diff, again)
		}
	})
}

func TestEditor(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	got, path, err := input.Editor{Command: "sed -i s/one/two/"}.Edit(t.Context(), "x-*.md", []byte("one"))
	if err != nil || string(got) != "two" {
		t.Fatalf("%q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, _, err := (input.Editor{Command: "false"}).Edit(t.Context(), "x-*.md", nil); err == nil {
		t.Error("a failing editor went unnoticed")
	}
}

func TestEditorCommand(t *testing.T) {
	env := map[string]string{"EDITOR": "ed"}
	if got, err := input.EditorCommand(func(k string) string { return env[k] }); err != nil || got != "ed" {
		t.Error(got, err)
	}
	env["VISUAL"] = "emacs"
	if got, err := input.EditorCommand(func(k string) string { return env[k] }); err != nil || got != "emacs" {
		t.Error(got, err)
	}
}

// TestParseForgives: nobody has to know what a colon and a number sign are in YAML.
func TestParseForgives(t *testing.T) {
	for title, want := range map[string]string{
		`Edited: in "editor"`:               `Edited: in "editor"`,
		"C # basics  ":                      "C # basics",
		"It's: fine":                        "It's: fine",
		"Ends with a colon:":                "Ends with a colon:",
		"12:30 o'clock":                     "12:30 o'clock",
		"'Quoted: it''s'":                   "Quoted: it's",
		`"Quoted # too"`:                    "Quoted # too",
		"[Live] *Jazz*":                     "[Live] *Jazz*",
		`"\x41\u00e9\U0001f3ac\t\"\\" # so`: "Aé🎬\t\"\\",
		"null and void":                     "null and void",
	} {
		v, err := input.Parse([]byte("---\ntitle: "+title+"\nvisibility: draft\n---\n\ntitle: not me\n"), store.Video{}, time.Now())
		if err != nil || v.Title != want || v.Description != "title: not me" {
			t.Errorf("%s: %q, %q, %v", title, v.Title, v.Description, err)
		}
	}
}
