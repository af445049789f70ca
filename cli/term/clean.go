package term

import (
	"regexp"
	"strings"
	"unicode"
)

// escapes matches whole control sequences (ECMA-48 5.4, and the string sequences that
// end in BEL or ST), so that removing one takes its parameters along.
var escapes = regexp.MustCompile(
	"(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]" +
		"|(?:\x1b[\\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\\\|\u009c)?" +
		"|\x1b[ -/]*[0-~]?")

// Clean returns text on one line, without anything a terminal would obey: escape
// sequences, control characters, and the marks that turn the direction of what follows.
func Clean(text string) string {
	return strings.Join(strings.Fields(strip(text, false)), " ")
}

// CleanLines is Clean for text of several lines, which it keeps apart.
func CleanLines(text string) string {
	return strings.TrimRight(strip(text, true), "\n")
}

func strip(text string, lines bool) string {
	text = escapes.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines, r == '\t' && lines:
			return r
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}
