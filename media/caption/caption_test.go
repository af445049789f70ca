package caption

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestParse(t *testing.T) {
	inputs, err := filepath.Glob("testdata/captions/*.in")
	if err != nil || len(inputs) < 8 {
		t.Fatalf("found %d inputs, %v", len(inputs), err)
	}
	for _, name := range inputs {
		t.Run(filepath.Base(name), func(t *testing.T) {
			in, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			track, err := Parse(in)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := track.WriteVTT(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".in")+".vtt", b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "00:01.000 --> 00:02.000\nhello\n"
	for _, tt := range []struct {
		name, in string
		line     int
		says     string
	}{
		{"empty", "", 0, "no captions found"},
		{"only a header", "WEBVTT\n", 0, "no captions found"},
		{"prose", "Once upon a time\n", 1, "expected a caption number"},
		{"end before start", "WEBVTT\n\n" + good + "\n00:05.000 --> 00:04.000\nx\n", 6, "ends before it starts"},
		{"sixty seconds", "WEBVTT\n\n00:60.000 --> 01:61.000\nx\n", 3, "is not a time"},
		{"no end", "1\n00:00:01,000 -->\nx\n", 2, "end time is missing"},
		{"words for times", "1\nsoon --> 00:00:04,000\nx\n", 2, "is not a time"},
		{"stray text", "WEBVTT\n\n" + good + "\nwho says\nthis\n", 6, "text without a time"},
		{"endless text", "WEBVTT\n\n00:01.000 --> 00:02.000\n" + strings.Repeat("word ", 2000), 3, "longer than"},
		{"too many", "WEBVTT\n\n" + strings.Repeat(good+"\n", MaxCues+1), 3 + 3*MaxCues, "split the file"},
		{"too large", "WEBVTT\n\n" + strings.Repeat("x", MaxBytes), 0, "larger than 10 MB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(tt.in))
			var le *LineError
			if !errors.As(err, &le) || le.Line != tt.line || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want line %d: ...%s...", err, tt.line, tt.says)
			}
		})
	}
}

func TestCleanText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "a < b & c > d", "a &lt; b &amp; c &gt; d"},
		{"allowed", "<v.loud Ann>Hi <b>there</b></v>", "<v.loud Ann>Hi <b>there</b></v>"},
		{"script", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"event", `<b onclick="x">y</b>`, "<b>y</b>"},
		{"image", `<img src=x onerror=alert(1)>`, "&lt;img src=x onerror=alert(1)&gt;"},
		{"unclosed", "<i>a <b>c</i> d", "<i>a <b>c</b></i> d"},
		{"unopened", "a</b>", "a"},
		{"font", `<font color="#fff">a</font><br/>b`, "a\nb"},
		{"karaoke", "<00:00:01.000>la <c>la</c>", "la <c>la</c>"},
		{"references", "&lt;b&gt; &nbsp;&#65;&bogus; &copy; &amp;amp;", "&lt;b&gt; &nbsp;A&amp;bogus; © &amp;amp;"},
		{"arrow", "a --> b", "a --&gt; b"},
		{"controls", "a\x1b[31mb\x00c", "a[31mbc"},
		{"blank lines", "a\n\n \nb", "a\nb"},
		{"speaker with markup", "<v A<b>x", "&lt;v A<b>x</b>"},
		{"language", "<lang en-GB>x</lang>", "<lang en-GB>x</lang>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := cleanText(tt.in)
			if got != tt.want {
				t.Errorf("cleanText(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if again := cleanText(got); again != got {
				t.Errorf("cleaning again: %q", again)
			}
		})
	}
}

func TestParseClock(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"0:00", 0, true},
		{"75:30", 75*time.Minute + 30*time.Second, true},
		{"01:02:03.004", time.Hour + 2*time.Minute + 3*time.Second + 4*time.Millisecond, true},
		{"01:02,5", time.Minute + 2500*time.Millisecond, true},
		{"00:00:01.123456", 1123 * time.Millisecond, true},
		{"999:59:59", 999*time.Hour + 59*time.Minute + 59*time.Second, true},
		{"1000:00:00", 0, false},
		{"12", 0, false},
		{"1:2", 0, false},
		{"-1:00", 0, false},
		{"+1:00", 0, false},
		{"00:00.", 0, false},
		{"00:00.x", 0, false},
		{"1:00:00:00", 0, false},
	} {
		got, ok := parseClock(tt.in)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("parseClock(%q) = %v, %v; want %v, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}
