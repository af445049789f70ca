package store

import (
	"strings"
	"unicode"
)

// The longest query that is looked at. More words only make fewer videos match.
const (
	searchWords = 16
	searchRunes = 64 // of one word
)

// searchQuery turns what a visitor typed into a query for FTS5: all words in any order,
// the last one perhaps unfinished. asked is false when nothing was typed; match is empty
// when what was typed has no word in it.
//
// Every word is quoted, so that nothing in it is an operator, and split as the tokenizer
// of the index (unicode61) would, since a quoted phrase without a token matches nothing.
func searchQuery(text string) (match string, asked bool) {
	words := strings.FieldsFunc(strings.ToValidUTF8(text, " "), func(r rune) bool { return !wordRune(r) })
	var b strings.Builder
	n := 0
	for _, w := range words {
		// Marks alone, such as a stray accent, are no token.
		if n == searchWords || strings.IndexFunc(w, tokenRune) < 0 {
			continue
		}
		if n++; n > 1 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + firstRunes(w, searchRunes) + `"`)
	}
	if n > 0 {
		b.WriteByte('*')
	}
	return b.String(), strings.TrimSpace(text) != ""
}

// tokenRune reports whether unicode61 sees a token in r: letters, numbers, private use.
func tokenRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

// wordRune adds the marks that combine with a letter before them.
func wordRune(r rune) bool { return tokenRune(r) || unicode.IsMark(r) }

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}
