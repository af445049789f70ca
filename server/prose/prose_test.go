package prose

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDescription(t *testing.T) {
	w := New()
	const at = `<a class="at" href="?t=`
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"line breaks stay", "a\nb", "<p>a<br>\nb</p>\n"},
		{"position", "at 1:05.", `<p>at ` + at + `65" data-t="65">1:05</a>.</p>` + "\n"},
		{"position at the start", "0:00 Intro", `<p>` + at + `0" data-t="0">0:00</a> Intro</p>` + "\n"},
		{"in brackets", "(9:59)", `<p>(` + at + `599" data-t="599">9:59</a>)</p>` + "\n"},
		{"two", "1:00-2:00, 3:00", `<p>` + at + `60" data-t="60">1:00</a>-2:00, ` + at + `180" data-t="180">3:00</a></p>` + "\n"},
		{"past the end", "10:01", "<p>10:01</p>\n"},
		{"hours past the end", "1:00:00", "<p>1:00:00</p>\n"},
		{"no minute of 61 seconds", "1:61", "<p>1:61</p>\n"},
		{"too many digits", "1:005", "<p>1:005</p>\n"},
		{"four parts", "1:02:03:04", "<p>1:02:03:04</p>\n"},
		{"an address", "2001:db8::1:05", "<p>2001:db8::1:05</p>\n"},
		{"code", "`1:05`", "<p><code>1:05</code></p>\n"},
		{"link text", "[1:05](https://a.example/)", `<p><a href="https://a.example/" rel="nofollow noreferrer">1:05</a></p>` + "\n"},
		{"bare link", "https://a.example/1:05", `<p><a href="https://a.example/1:05" rel="nofollow noreferrer">https://a.example/1:05</a></p>` + "\n"},
		{"script link", "[x](javascript:alert(1))", "<p>x</p>\n"},
		{"headings are level", "# A\n\n###### B", "<h3>A</h3>\n<h3>B</h3>\n"},
		{"pictures go", "![alt](https://a.example/p.png)", "<p></p>\n"},
		{"tags go", "a <b onclick=x>b</b>", "<p>a b</p>\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(w.HTML(tt.in, 10*time.Minute)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	w := New()
	for _, tt := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"markup goes", "Some *fine* [words](https://a.example/) & `code`", 99, "Some fine words & code"},
		{"lines join", "one\ntwo\n\nthree", 99, "one two three"},
		{"up to a heading", "one\n\n# two\n\nthree", 99, "one"},
		{"a first heading goes", "# one\n\ntwo", 99, "two"},
		{"bare links stay", "see https://a.example/x", 99, "see https://a.example/x"},
		{"cut at a word", "alpha beta gamma", 14, "alpha beta…"},
		{"cut in a word", strings.Repeat("x", 30), 10, "xxxxxxxxx…"},
		{"tags go", "a <b>c</b>", 99, "a c"},
		{"no chapters", "A fall.\n\n0:00 Start\n0:12 Valley", 90, "A fall."},
		{"no list of chapters", "A fall.\n\n- 0:00 Start\n- 0:12 Valley", 90, "A fall."},
		{"chapters alone", "0:00 Start\n0:12 Valley", 90, "0:00 Start 0:12 Valley"},
		{"another moment", "A fall.\n\n0:31 is the best.", 90, "A fall. 0:31 is the best."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.Plain(tt.in, tt.limit); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzDescription checks that no text makes HTML that the policy would not pass:
// once the position links are taken out, cleaning it again changes nothing.
func FuzzDescription(f *testing.F) {
	w := New()
	for _, seed := range []string{
		"a 1:05 b", "# x\n<script>alert(1)</script>", "[a](javascript:1) `1:02`", "<a href=x>1:05", "&lt;1:05&gt;", "\x00\xff 0:00",
		"<pre>1:02</pre></a></code> 3:04", "* [1:02](?t=1)\n* 99:59:59", "![x](y) <img src=x onerror=y>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := string(w.HTML(in, time.Hour))
		plain := strings.ReplaceAll(out, `<a class="at" `, `<a `)
		if again := linkTimes(w.policy.Sanitize(plain), time.Hour); !sameLinks(again, out) {
			t.Errorf("cleaning again changes the page\nonce  %q\ntwice %q", out, again)
		}
		if s := w.Plain(in, 80); utf8.RuneCountInString(s) > 80 || strings.ContainsAny(s, "\n\r") {
			t.Errorf("summary %q is too long or not one line", s)
		}
	})
}

// sameLinks compares pages but for what cleaning takes from or adds to our links.
func sameLinks(a, b string) bool {
	strip := strings.NewReplacer(`class="at" `, "", ` rel="nofollow noreferrer"`, "")
	return dropData(strip.Replace(a)) == dropData(strip.Replace(b))
}

func dropData(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, ` data-t="`)
		if i < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i])
		_, s, _ = strings.Cut(s[i+len(` data-t="`):], `"`)
	}
}

func FuzzComment(f *testing.F) {
	w := New()
	f.Add("<p>hi <a href=\"javascript:alert(1)\">1:02</a> 3:04</p>")
	f.Add("<p><span class=\"h-card\"><a href=\"https://a.example/@u\" class=\"u-url\">@<span>u</span></a></span> 0:05</p>")
	f.Add("<svg><style><img src=x onerror=alert(1)></style></svg><math><mtext></p>1:00")
	f.Fuzz(func(t *testing.T, in string) {
		out := strings.ToLower(string(w.Comment(in, time.Hour)))
		for _, bad := range []string{"<script", "<style", "<svg", "<img", "<iframe", "href=\"javascript", "href=\"data:"} {
			if strings.Contains(out, bad) {
				t.Errorf("a comment keeps %q: %q", bad, out)
			}
		}
	})
}

func TestWarned(t *testing.T) {
	for _, tt := range []struct{ name, warning, text, want string }{
		{"none", "", "A talk.", "A talk."},
		{"without a stop", "flashing lights", "A talk.", "Content warning: flashing lights. A talk."},
		{"with one", "Flashing lights.", "A talk.", "Content warning: Flashing lights. A talk."},
		{"with another sign", "Blood!", "A talk.", "Content warning: Blood! A talk."},
		{"dots", "Spiders…", "A talk.", "Content warning: Spiders… A talk."},
		{"nothing after it", "Blood", "", "Content warning: Blood."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Warned(tt.warning, tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDescriptionsPage renders what docs/descriptions.md says about Markdown.
func TestDescriptionsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/descriptions.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| (?:`` (.+?) ``|`(.+?)`) \\| `(.+)` \\|$")
	rows := row.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 10 {
		t.Fatalf("%d examples", len(rows))
	}
	w := New()
	for _, m := range rows {
		got := strings.Join(strings.Fields(string(w.HTML(m[1]+m[2], 10*time.Minute))), " ")
		if got != m[3] {
			t.Errorf("%s is %s, not %s", m[1]+m[2], got, m[3])
		}
	}
}
