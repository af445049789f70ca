package verbs

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/store/social"
)

const (
	maxContent = 50_000 // bytes of a note that are looked at
	maxText    = 5000   // letters of a comment
)

// newPolicy allows the elements of running text and links, and nothing that loads.
func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "em", "i", "strong", "b", "del", "s", "blockquote", "ul", "ol", "li", "code", "pre")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("https", "http")
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
}

// sanitize makes harmless HTML, whole in itself, of a stranger's. "" means that nothing is left.
func (v *Verbs) sanitize(content string) string {
	if len(content) > maxContent {
		content = strings.ToValidUTF8(content[:maxContent], "")
	}
	clean := balance(v.policy.Sanitize(content))
	text := textOf(clean)
	if strings.TrimSpace(text) == "" {
		return ""
	}
	if utf8.RuneCountInString(text) > maxText {
		return "<p>" + html.EscapeString(string([]rune(text)[:maxText])) + "…</p>"
	}
	return clean
}

// policyFree is a stranger's HTML as text.
func (v *Verbs) policyFree(content string) string {
	if len(content) > maxContent {
		content = strings.ToValidUTF8(content[:maxContent], "")
	}
	return textOf(balance(v.policy.Sanitize(content)))
}

// balance closes what is open and drops what was never opened, so that a comment does not
// reach into what stands around it.
func balance(text string) string {
	nodes, err := html.ParseFragment(strings.NewReader(text), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		return html.EscapeString(text)
	}
	var b strings.Builder
	for _, node := range nodes {
		if err := html.Render(&b, node); err != nil {
			return html.EscapeString(text)
		}
	}
	return b.String()
}

// textOf returns the text of HTML, a line break for each block.
func textOf(text string) string {
	var b strings.Builder
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(b.String())
		case html.TextToken:
			b.WriteString(html.UnescapeString(string(z.Raw())))
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); string(name) != "a" && string(name) != "em" && string(name) != "strong" && string(name) != "code" {
				b.WriteString("\n")
			}
		}
	}
}

// links reports whether a comment leads anywhere but to its author's own server, where
// mentions and tags lead, or to us.
func (t *task) links(text string, actor social.Actor) bool {
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken:
			for _, attr := range z.Token().Attr {
				if attr.Key == "href" && !t.isNear(attr.Val, actor) {
					return true
				}
			}
		}
	}
}

func (t *task) isNear(address string, actor social.Actor) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := remote.Host(u)
	return host == actor.Host || remote.SameHost(address, t.site.Person())
}
