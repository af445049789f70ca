package caption

import (
	"html"
	"regexp"
	"slices"
	"strings"
)

// tag matches what may be a tag; its groups are the slash, the name, the classes and the
// annotation.
var tag = regexp.MustCompile(`^<(/?)([A-Za-z]{1,8})((?:\.[A-Za-z0-9_-]{1,32}){0,8})(?:[ \t\n]+([^<>]{0,500}))?/?>`)

// timestamp matches the moment inside a cue at which karaoke goes on to the next word.
var timestamp = regexp.MustCompile(`^<[0-9:.]{1,16}>`)

// entity matches a character reference.
var entity = regexp.MustCompile(`^&(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});`)

// fate says what becomes of a tag.
type fate int

const (
	shown     fate = iota // not markup to us: its text is shown
	kept                  // one of WebVTT's own
	annotated             // one of WebVTT's own that carries a word: a speaker, a language
	dropped               // of HTML, carried by SubRip files for looks: its content stays
)

func fateOf(name string) fate {
	switch name {
	case "b", "i", "u", "c", "ruby", "rt":
		return kept
	case "v", "lang":
		return annotated
	case "font", "span", "s", "em", "strong", "br", "p", "div":
		return dropped
	}
	return shown
}

// cleanText rewrites a cue's text: allowed tags are kept and closed, everything else
// that looks like markup is shown as the text it is. Cleaning twice changes nothing.
func cleanText(s string) string {
	c := cleaner{}
	for s != "" {
		i := strings.IndexAny(s, "<&>")
		if i < 0 {
			i = len(s)
		}
		c.out.WriteString(strings.Map(printable, s[:i]))
		if s = s[i:]; s != "" {
			s = s[c.markup(s):]
		}
	}
	for _, open := range slices.Backward(c.open) {
		c.out.WriteString("</" + open + ">")
	}
	return trimLines(c.out.String())
}

// trimLines removes blank lines, which would end the cue, and space around lines.
func trimLines(s string) string {
	var lines []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

type cleaner struct {
	out  strings.Builder
	open []string
}

// markup handles the markup character at the start of s and returns how much it took.
func (c *cleaner) markup(s string) int {
	switch s[0] {
	case '&':
		if ref := entity.FindString(s); ref != "" {
			c.reference(ref)
			return len(ref)
		}
		c.out.WriteString("&amp;")
		return 1
	case '>':
		c.out.WriteString("&gt;")
		return 1
	}
	if t := timestamp.FindString(s); t != "" {
		return len(t)
	}
	if m := tag.FindStringSubmatch(s); m != nil && c.tag(m) {
		return len(m[0])
	}
	c.out.WriteString("&lt;")
	return 1
}

// reference writes a character reference as WebVTT has it.
func (c *cleaner) reference(ref string) {
	switch text := html.UnescapeString(ref); {
	case ref == "&lrm;" || ref == "&rlm;" || ref == "&nbsp;":
		c.out.WriteString(ref)
	case text == ref:
		c.out.WriteString("&amp;" + ref[1:])
	default:
		c.out.WriteString(escape(strings.Map(printable, text)))
	}
}

// escape makes plain text safe as cue text.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// tag handles a parsed tag, or says that it is none of ours.
func (c *cleaner) tag(m []string) bool {
	closing, name, classes, annotation := m[1] != "", strings.ToLower(m[2]), m[3], m[4]
	become := fateOf(name)
	switch {
	case become == shown:
		return false
	case become == dropped:
		if name == "br" {
			c.out.WriteString("\n")
		}
		return true
	case closing:
		c.close(name)
		return true
	case len(c.open) == 16:
		return true // deeper than any text needs: the tag goes, the text stays
	}
	c.open = append(c.open, name)
	c.out.WriteString("<" + name + classes)
	annotation = strings.Join(strings.Fields(strings.Map(printable, html.UnescapeString(annotation))), " ")
	if become == annotated && annotation != "" {
		c.out.WriteString(" " + escape(annotation))
	}
	c.out.WriteString(">")
	return true
}

// close closes a tag and those opened within it; one that is not open is ignored.
func (c *cleaner) close(name string) {
	if !slices.Contains(c.open, name) {
		return
	}
	for {
		last := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		c.out.WriteString("</" + last + ">")
		if last == name {
			return
		}
	}
}

// plain returns a cue's text without tags and references, on one line.
func plain(s string) string {
	var b strings.Builder
	for s = cleanText(s); s != ""; {
		if m := tag.FindString(s); m != "" {
			s = s[len(m):]
			continue
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return oneLine(html.UnescapeString(b.String()))
}

// oneLine makes any text a title.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(printable, strings.ToValidUTF8(s, ""))), " ")
	if r := []rune(s); len(r) > maxTitle {
		s = strings.TrimSpace(string(r[:maxTitle]))
	}
	return s
}
