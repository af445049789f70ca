package verbs

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

func TestSanitize(t *testing.T) {
	v := &Verbs{policy: newPolicy()}
	for name, test := range map[string]struct{ in, want string }{
		"text":        {"<p>one<br>two</p>", "<p>one<br/>two</p>"},
		"plain":       {"a < b & c", "a &lt; b &amp; c"},
		"link":        {`<a href="https://a.example/?x=1&amp;y=2" class="x" target="_blank" onclick="y">z</a>`, `<a href="https://a.example/?x=1&amp;y=2" rel="nofollow noreferrer">z</a>`},
		"mention":     {`<span class="h-card"><a href="https://a.example/@b" class="u-url mention">@<span>b</span></a></span> hi`, `<a href="https://a.example/@b" rel="nofollow noreferrer">@b</a> hi`},
		"script":      {"<script>alert(1)</script>ok", "ok"},
		"handler":     {`<p onmouseover="x">ok</p>`, "<p>ok</p>"},
		"javascript":  {`<a href="javascript:alert(1)">ok</a>`, "ok"},
		"javascript2": {"<a href=\"java\tscript:alert(1)\">ok</a>", "ok"},
		"data":        {`<a href="data:text/html,x">ok</a>`, "ok"},
		"image":       {`<img src="https://track.example/x.png">ok`, "ok"},
		"svg":         {`<svg><script>alert(1)</script></svg>ok`, "ok"},
		"base":        {`<base href="https://evil.example/">ok`, "ok"},
		"refresh":     {`<meta http-equiv="refresh" content="0;url=https://e.example">ok`, "ok"},
		"style":       {`<p style="background:url(x)">ok</p><style>p{}</style>`, "<p>ok</p>"},
		"form":        {`<form action="https://e.example"><input>ok</form>`, "ok"},
		"iframe":      {`<iframe src="https://e.example"></iframe>ok`, "ok"},
		"mathml":      {`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`, ""},
		"open":        {"<blockquote><ul><li>ok", "<blockquote><ul><li>ok</li></ul></blockquote>"},
		"closes ours": {"</div></li></article>ok", "ok"},
		"comment":     {"<!--<img src=x onerror=alert(1)>-->ok", "ok"},
		"only image":  {"<p><img src=x></p>", ""},
		"spaces":      {"<p> \n </p>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := v.sanitize(test.in); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	long := v.sanitize("<p>" + strings.Repeat("<b>é</b>", 6000) + "</p>")
	if n := len([]rune(long)); n != maxText+len("<p></p>")+1 {
		t.Errorf("%d letters of a long comment", n)
	}
	if deep := v.sanitize(strings.Repeat("<blockquote>", 3000) + "x"); len(deep) > 200_000 {
		t.Errorf("%d bytes of a deep one", len(deep))
	}
}

func TestLinks(t *testing.T) {
	task := &task{Verbs: &Verbs{policy: newPolicy()}}
	task.site = vocab.Site{Channel: store.Channel{Handle: "ada", Domain: "video.example"}}
	actor := social.Actor{Host: "a.example"}
	for text, want := range map[string]bool{
		"no link": false, `<a href="https://a.example/@b">@b</a>`: false, `<a href="https://video.example/w/x">x</a>`: false,
		`<a href="https://spam.example/">x</a>`: true, `<a href="http://a.example.spam.example/">x</a>`: true, `<a href="http://video.example/">x</a>`: true,
	} {
		if got := task.links(text, actor); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// FuzzSanitize looks that nothing but what is allowed ever comes out, whole in itself.
func FuzzSanitize(f *testing.F) {
	f.Add("<p>x</p><script>y</script>")
	f.Add(`<a href="https://a.example" onclick=x><b>`)
	f.Add("<svg><p><style><a id=\"</style><img src=1 onerror=alert(1)>\">")
	v := &Verbs{policy: newPolicy()}
	allowed := map[string]bool{}
	for _, name := range []string{"a", "p", "br", "em", "i", "strong", "b", "del", "s", "blockquote", "ul", "ol", "li", "code", "pre"} {
		allowed[name] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := v.sanitize(text)
		if again := v.policy.Sanitize(out); balance(again) != out {
			t.Errorf("%q becomes %q, and then %q", text, out, again)
		}
		open := 0
		for z := html.NewTokenizer(strings.NewReader(out)); ; {
			kind := z.Next()
			if kind == html.ErrorToken {
				break
			}
			token := z.Token()
			switch kind {
			case html.StartTagToken:
				open++
				if !allowed[token.Data] {
					t.Fatalf("%q becomes %q", text, out)
				}
				for _, attr := range token.Attr {
					if attr.Key != "href" && attr.Key != "rel" || attr.Key == "href" && !strings.HasPrefix(attr.Val, "http") {
						t.Fatalf("%q becomes %q", text, out)
					}
				}
			case html.EndTagToken:
				if open--; open < 0 {
					t.Fatalf("%q reaches out: %q", text, out)
				}
			}
		}
		if open != 0 {
			t.Errorf("%q stays open: %q", text, out)
		}
	})
}
