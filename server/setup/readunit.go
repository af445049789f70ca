package setup

import (
	"path/filepath"
	"strings"
)

// ReadUnit returns the data directory and the user that a unit names. What it does not name,
// or not plainly (a specifier, a variable, a relative path), is empty.
func ReadUnit(text string) (data, user string) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		words := systemdWords(value)
		switch strings.TrimSpace(key) {
		case "User":
			user = ""
			if len(words) == 1 {
				user = plain(words[0])
			}
		case "ExecStart":
			data = dataFlag(words)
		}
	}
	return data, user
}

// dataFlag returns what follows the last --data.
func dataFlag(words []string) string {
	data := ""
	for i, word := range words {
		if value, ok := strings.CutPrefix(word, "--data="); ok {
			data = plain(value)
		} else if word == "--data" && i+1 < len(words) {
			data = plain(words[i+1])
		}
	}
	if !filepath.IsAbs(data) {
		return ""
	}
	return filepath.Clean(data)
}

// plain takes the doubling back of what systemd else replaces, and returns nothing where it
// would replace something.
func plain(word string) string {
	if strings.ContainsAny(strings.NewReplacer("%%", "", "$$", "").Replace(word), "%$") {
		return ""
	}
	return strings.NewReplacer("%%", "%", "$$", "$").Replace(word)
}

// systemdWords splits a line as systemd.syntax(7) does, and is systemdQuote backwards. A line
// with an escape that systemdQuote does not write has none.
func systemdWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inside, escaped := false, false
	for _, c := range strings.TrimSpace(line) + " " {
		switch {
		case escaped:
			if !strings.ContainsRune(`\"' `, c) {
				return nil
			}
			word.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped, inside = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inside = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(c)
			inside = true
		}
	}
	if quote != 0 || escaped {
		return nil
	}
	return words
}
