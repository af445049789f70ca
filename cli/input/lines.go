package input

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// entry is a line of front matter with what belongs to it.
type entry struct {
	key   string
	value value
}

// value is one text, or a list of them.
type value struct {
	line  int // of the file
	text  string
	list  bool
	items []value

	open bool // nothing stands behind the key, so that lines with a dash may follow
}

var (
	errShape = errors.New("write lines such as title: A talk")
	errOne   = errors.New("write one value")
)

// block matches what begins a text of several lines in YAML.
var block = regexp.MustCompile(`^[|>][-+1-9]*$`)

// entries reads front matter: lines of a key and its value, where a list is [a, b] or lines
// that begin with a dash. That is as much of YAML as is needed here. Where people and YAML
// disagree people are right: a title, license, warning or chapter without quotes goes to the
// end of its line, whatever colons and number signs are in it.
func entries(front string) ([]entry, error) {
	var all []entry
	number := 1 // the fence is the first
	for line := range strings.Lines(front) {
		number++
		if err := add(&all, strings.TrimRight(line, " \t\r\n"), number); err != nil {
			return nil, &LineError{number, err}
		}
	}
	return all, nil
}

// add reads one line.
func add(all *[]entry, line string, number int) error {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return errors.New("there is a character that is no text")
	}
	rest := strings.TrimLeft(line, " \t")
	if rest == "" || rest[0] == '#' {
		return nil
	}
	if item, found := strings.CutPrefix(rest+" ", "- "); found {
		if len(*all) == 0 || !(*all)[len(*all)-1].value.open {
			return errShape
		}
		last := &(*all)[len(*all)-1]
		text, err := one(item, last.key == "chapters")
		last.value.list = true
		last.value.items = append(last.value.items, value{line: number, text: text})
		return err
	}
	if len(rest) < len(line) {
		return errors.New("it begins with spaces, which only the lines of a list do")
	}
	e, err := keyed(line, number)
	*all = append(*all, e)
	return err
}

// keyed reads a line with a key.
func keyed(line string, number int) (entry, error) {
	key, rest, found := strings.Cut(line, ":")
	if !found || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return entry{}, errShape
	}
	e := entry{strings.TrimRight(key, " \t"), value{line: number}}
	var err error
	switch rest = strings.Trim(rest, " \t"); {
	case rest == "" || rest[0] == '#':
		e.value.open = true
	case e.key == "title" || e.key == "license" || e.key == "warning":
		e.value.text, err = one(rest, true)
	case rest[0] == '[':
		e.value.list = true
		e.value.items, err = several(rest[1:], number)
	case rest[0] == '{':
		e.value.text = rest // which is nothing that any key takes
	default:
		e.value.text, err = one(rest, false)
	}
	return e, err
}

// one reads a value that stands alone, up to the end of the line or to a remark.
func one(text string, whole bool) (string, error) {
	text = strings.Trim(text, " \t")
	switch {
	case text == "":
		return "", nil
	case text[0] == '"' || text[0] == '\'':
		text, rest, err := unquote(text)
		if err == nil && !blank(rest) {
			err = errors.New("something stands behind the closing quote")
		}
		return text, err
	case block.MatchString(text):
		return "", errors.New("write it on one line")
	case !whole && (text[0] == '[' || text[0] == '{'):
		return "", errOne
	case !whole:
		text, _, _ = strings.Cut(" "+text, " #")
		text = strings.Trim(text, " \t")
	}
	if text == "~" || text == "null" {
		text = "" // as YAML has it
	}
	return text, nil
}

// several reads the values of a list up to its closing bracket.
func several(text string, number int) ([]value, error) {
	var items []value
	for {
		text = strings.TrimLeft(text, " \t")
		if rest, closed := strings.CutPrefix(text, "]"); closed {
			if !blank(rest) {
				return nil, errors.New("something stands behind the closing bracket")
			}
			return items, nil
		}
		if text == "" {
			return nil, errors.New("the list is not closed with ]")
		}
		end := strings.IndexAny(text+"]", ",]")
		item, rest := strings.TrimRight(text[:end], " \t"), text[end:]
		switch text[0] {
		case '[', '{':
			return nil, errOne
		case '"', '\'':
			var err error
			if item, rest, err = unquote(text); err != nil {
				return nil, err
			}
			rest = strings.TrimLeft(rest, " \t")
		}
		items = append(items, value{line: number, text: item})
		var more bool
		if text, more = strings.CutPrefix(rest, ","); !more && !strings.HasPrefix(rest, "]") {
			return nil, errors.New("a comma is missing in the list, or its ]")
		}
	}
}

// blank reports whether nothing but a remark is left of a line.
func blank(rest string) bool {
	trimmed := strings.TrimLeft(rest, " \t")
	return trimmed == "" || trimmed[0] == '#' && len(trimmed) < len(rest)
}

// unquote reads a text in quotes, and returns what follows it.
func unquote(text string) (value, rest string, err error) {
	var b strings.Builder
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote == '"':
			r, n, err := unescape(text[i+1:])
			if err != nil {
				return "", "", err
			}
			b.WriteRune(r)
			i += n
		case c == quote && c == '\'' && strings.HasPrefix(text[i+1:], "'"):
			b.WriteByte(c) // two stand for one
			i++
		case c == quote:
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a quote is not closed")
}

// unescape reads what follows a backslash (YAML 1.2, section 5.7) and returns its length.
func unescape(text string) (r rune, n int, err error) {
	if text == "" {
		return 0, 0, errors.New("a quote is not closed")
	}
	if i := strings.IndexByte(`0abtnvfre "/\N_LP`, text[0]); i >= 0 {
		return []rune("\x00\a\b\t\n\v\f\r\x1b \"/\\\u0085\u00a0\u2028\u2029")[i], 1, nil
	}
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[0]]; digits > 0 && len(text) > digits {
		code, err := strconv.ParseUint(text[1:1+digits], 16, 31)
		if err == nil && utf8.ValidRune(rune(code)) {
			return rune(code), 1 + digits, nil
		}
	}
	return 0, 0, errors.New(`within double quotes write \\ for a backslash`)
}

// written returns text in the form in which entries reads it, and YAML too. Within brackets
// more signs need quotes.
func written(text string, within bool) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	first, _ := utf8.DecodeRuneInString(text)
	switch {
	case strings.ContainsFunc(text, invisible):
		return escaped(text)
	case text == "":
		return `""`
	case first < utf8.RuneSelf && !unicode.IsLetter(first) && !unicode.IsDigit(first), text == "null",
		strings.Contains(text+" ", ": "), strings.Contains(text, " #"), strings.HasSuffix(text, " "),
		within && strings.ContainsAny(text, ",[]{}?:"):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return text
}

// invisible reports whether r has to be written as a number.
func invisible(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

func escaped(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case invisible(r):
			b.WriteString(`\u` + strconv.FormatInt(int64(r)+1<<16, 16)[1:])
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
