package term

import (
	"iter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Characters that belong to the one before them although they are no marks.
const (
	joiner    = '\u200d' // makes one picture of two
	nonJoiner = '\u200c'
	asText    = '\ufe0e'
	asPicture = '\ufe0f'
)

// covers returns how many columns text takes on a screen.
func covers(text string) (n int) {
	for _, columns := range drawn(text) {
		n += columns
	}
	return n
}

// drawn yields what is drawn as one character, and how many columns that covers: a letter with its
// marks, a flag, several pictures joined to one. These are the grapheme clusters of Unicode's
// annex 29, but for rare ones of single scripts, which terminals do not agree about either.
func drawn(text string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for text != "" {
			size, columns := first(text)
			if !yield(text[:size], columns) {
				return
			}
			text = text[size:]
		}
	}
}

// first returns the bytes and the columns of the first thing drawn.
func first(text string) (size, columns int) {
	base, size := utf8.DecodeRuneInString(text)
	columns = alone(base)
	for last := base; size < len(text); {
		next, n := utf8.DecodeRuneInString(text[size:])
		switch {
		case next == asPicture && picture(base):
			columns = 2
		case next == asText && picture(base):
			columns = 1
		case unicode.Is(unicode.Mc, next):
			columns++ // a vowel beside its letter, as in Devanagari
		case unicode.In(next, unicode.Mn, unicode.Me), next == joiner, next == nonJoiner, rest(next):
		case picture(base) && (last == joiner && picture(next) || tint(next)):
		case flag(next) && flag(base) && size == n: // the second of two letters
		default:
			return size, columns
		}
		size, last = size+n, next
	}
	return size, columns
}

// alone returns the columns of a character that stands for itself.
func alone(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Cc, unicode.Zl, unicode.Zp) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	if flag(r) {
		return 2
	}
	return 1
}

// picture reports whether r may be an emoji.
func picture(r rune) bool {
	return r >= '©' && unicode.In(r, unicode.So, unicode.Sm) || r == '‼' || r == '⁉'
}

// tint reports whether r is a colour of skin.
func tint(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

// flag reports whether r is one of the two letters of a flag.
func flag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// rest reports whether r is a later part of a syllable in Hangul, or of a flag such as Scotland's.
func rest(r rune) bool { return r >= 0x1160 && r <= 0x11ff || r >= 0xe0020 && r <= 0xe007f }
