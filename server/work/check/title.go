package check

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits, in characters but for maxTags.
const (
	MaxTitle       = 200
	MaxDescription = 20_000
	MaxLicense     = 100
	maxTags        = 50
	maxTag         = 60
)

// Title chooses a title: the one given, the file's own, or one made from its name.
func Title(given, metadata, name string) string {
	for _, t := range []string{given, metadata, titleFromName(name)} {
		if t = Line(t, MaxTitle); t != "" {
			return t
		}
	}
	return "Untitled"
}

// titleFromName makes "My talk 2026" of "my-talk_2026.mp4".
func titleFromName(name string) string {
	if name == "" {
		return ""
	}
	name = filepath.Base(name)
	if ext := filepath.Ext(name); ext != name && len(ext) <= 6 {
		name = strings.TrimSuffix(name, ext)
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || unicode.IsSpace(r) })
	title := strings.Join(words, " ")
	if title == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(title)
	return string(unicode.ToUpper(first)) + title[size:]
}

// Line makes one clean line of s, of at most n characters.
func Line(s string, n int) string {
	return cut(strings.Join(strings.Fields(clean(s, " ")), " "), n)
}

// Text keeps the line breaks and tabs of s.
func Text(s string, n int) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.TrimSpace(cut(clean(s, ""), n))
}

// Given is Line for what the creator wrote: what is too long is told, not cut.
func Given(what, s string, n int) (string, error) {
	return bounded(what, Line(s, uncut), n)
}

// GivenText is Text likewise.
func GivenText(what, s string, n int) (string, error) {
	return bounded(what, Text(s, uncut), n)
}

const uncut = math.MaxInt32

func bounded(what, s string, n int) (string, error) {
	if have := utf8.RuneCountInString(s); have > n {
		return "", &Error{what, fmt.Errorf("it has %d characters, %d are the most: shorten it", have, n)}
	}
	return s, nil
}

// clean removes what is no text: control characters, which could move a terminal's cursor,
// and the invisible ones that turn the direction of what follows them on a page. Line breaks
// and tabs become space when that is given.
func clean(s, space string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			if space != "" {
				b.WriteString(space)
			} else {
				b.WriteRune(r)
			}
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF':
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func cut(s string, n int) string {
	count := 0
	for i := range s {
		if count++; count > n {
			return strings.TrimSpace(s[:i])
		}
	}
	return s
}
