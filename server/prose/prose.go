// Package prose turns what people write into what pages and feeds show: a description, which is
// Markdown, or a comment, which is HTML from strangers, into HTML of a few harmless elements,
// and either kind of description into plain text. Nothing that comes out of it loads, runs or
// points anywhere but at a plain address or a position of the video.
package prose

import (
	"bytes"
	"html/template"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Writer writes prose. It never changes, and may be used at the same time.
type Writer struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

// New returns a Writer. It takes time to make: one does for all pages.
func New() *Writer { return &Writer{markdown: newMarkdown(), policy: newPolicy()} }

// newMarkdown knows CommonMark with strikethrough and bare links. A line break
// stays one: people write descriptions as they write letters.
func newMarkdown() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Linkify, extension.Strikethrough),
		goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(flatHeadings{}, 100))),
		goldmark.WithRendererOptions(html.WithHardWraps()),
	)
}

// newPolicy allows the elements that running text needs and no others. Pictures are
// not among them: they would come from other servers.
func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "strong", "b", "em", "i", "s", "del", "code", "pre",
		"blockquote", "ul", "ol", "li", "h3", "hr")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,9}$`)).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("https", "http", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
}

// flatHeadings gives every heading the one level that fits below a page's own
// headings, so that the outline of the page never skips a level.
type flatHeadings struct{}

func (flatHeadings) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering {
			h.Level = 3
		}
		return ast.WalkContinue, nil
	})
}

// HTML renders a description. Positions up to length, such as 1:23, become links into the
// video; a length of 0 links none.
func (w *Writer) HTML(source string, length time.Duration) template.HTML {
	var b bytes.Buffer
	if err := w.markdown.Convert([]byte(source), &b); err != nil {
		return template.HTML("<p>" + template.HTMLEscapeString(source) + "</p>")
	}
	return template.HTML(linkTimes(w.policy.Sanitize(b.String()), length))
}

// Comment cleans a comment again, though the store holds it clean: a mistake
// made when it came in must not become one that is served.
func (w *Writer) Comment(source string, length time.Duration) template.HTML {
	return template.HTML(linkTimes(w.policy.Sanitize(source), length))
}

// Plain returns the text of a description without its markup, on one line, without
// headings, up to the second part or the chapters and cut at a word to at most limit
// characters.
func (w *Writer) Plain(source string, limit int) string {
	src := []byte(source)
	var b strings.Builder
	ast.Walk(w.markdown.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Heading:
			if strings.TrimSpace(b.String()) != "" {
				return ast.WalkStop, nil
			}
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			if entering {
				b.Write(n.Value(src))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.Label(src))
			}
		default:
			if n.Type() == ast.TypeBlock {
				if entering && listsChapters(n, src) && strings.TrimSpace(b.String()) != "" {
					return ast.WalkStop, nil
				}
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return cut(strings.Join(strings.Fields(b.String()), " "), limit)
}

// listsChapters reports whether a block begins as a list of chapters does.
func listsChapters(n ast.Node, src []byte) bool {
	lines := n.Lines()
	if lines == nil || lines.Len() == 0 {
		return false
	}
	first := lines.At(0)
	return firstChapter.Match(first.Value(src))
}

var firstChapter = regexp.MustCompile(`^\s*[(\[]?0?0:00\b`)

// Warned returns plain text after what viewers are warned of, if there is a warning.
func Warned(warning, text string) string {
	if warning == "" {
		return text
	}
	if !strings.ContainsAny(warning[len(warning)-1:], ".!?") && !strings.HasSuffix(warning, "…") && !strings.HasSuffix(warning, "。") {
		warning += "."
	}
	return strings.TrimSpace("Content warning: " + warning + " " + text)
}

// cut shortens s to at most limit characters, at a word where there is one near.
func cut(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	r = r[:limit-1]
	for i := len(r) - 1; i > limit*2/3; i-- {
		if unicode.IsSpace(r[i]) {
			r = r[:i]
			break
		}
	}
	return strings.TrimRightFunc(string(r), func(c rune) bool { return unicode.IsSpace(c) || unicode.IsPunct(c) }) + "…"
}
