package prose

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// position finds 0:07, 12:48 and 1:02:03 where no digit, letter, colon, dot or
// slash stands beside it: 10:30:15.5, 2001:db8:: and a/1:20 are other things.
var position = regexp.MustCompile(`(^|[^\pL\d:./@-])((?:(\d{1,2}):)?(\d{1,2}):([0-5]\d))\b`)

// linkTimes makes links of the positions in the text of clean HTML. Text inside
// links and code stays as it is.
func linkTimes(clean string, length time.Duration) string {
	if length <= 0 || !strings.Contains(clean, ":") {
		return clean
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(clean))
	closed := 0 // how many elements we are in whose text stays
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return b.String()
		}
		raw := string(z.Raw())
		switch kind {
		case html.StartTagToken:
			closed += keeps(z)
		case html.EndTagToken:
			closed -= keeps(z)
		case html.TextToken:
			if closed == 0 {
				raw = linkText(raw, length)
			}
		}
		b.WriteString(raw)
	}
}

// keeps returns 1 for an element whose text must not get links.
func keeps(z *html.Tokenizer) int {
	switch name, _ := z.TagName(); string(name) {
	case "a", "code", "pre":
		return 1
	}
	return 0
}

// linkText links the positions in escaped text. Escapes are no hindrance: none of
// them looks like a position, and what a link holds is digits and colons.
func linkText(escaped string, length time.Duration) string {
	var b strings.Builder
	for {
		m := position.FindStringSubmatchIndex(escaped)
		if m == nil {
			break
		}
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return escaped[m[2*i]:m[2*i+1]]
		}
		at := part(2)
		b.WriteString(escaped[:m[4]])
		b.WriteString(link(at, parsePosition(part(3), part(4), part(5)), length, escaped[m[5]:]))
		escaped = escaped[m[5]:]
	}
	b.WriteString(escaped)
	return b.String()
}

// link returns the link to position s, or just its text where the video does not
// reach so far or the text goes on in a way that makes it something else.
func link(at string, s int64, length time.Duration, rest string) string {
	if s > int64(length/time.Second) || strings.HasPrefix(rest, ":") {
		return at
	}
	t := strconv.FormatInt(s, 10)
	return `<a class="at" href="?t=` + t + `" data-t="` + t + `">` + at + `</a>`
}

// parsePosition returns the seconds of a position. Its parts hold two digits at
// most, so they always parse.
func parsePosition(h, m, s string) int64 {
	n := int64(0)
	for _, p := range []string{h, m, s} {
		v, _ := strconv.ParseInt(p, 10, 64)
		n = n*60 + v
	}
	return n
}
