// Package vocab is ActivityStreams 2.0 as this program needs it: objects of others read
// leniently (object.go), and our channel's actors, videos and collections written the
// way their readers take them. It fetches nothing and remembers nothing.
//
// Reading needs no JSON-LD processor: what peers send is plain JSON with the usual names.
package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Public is the collection of everybody (ActivityPub, section 5.6).
const Public = "https://www.w3.org/ns/activitystreams#Public"

// Bounds of what is read from others. The largest honest objects are videos of PeerTube,
// with a few hundred values.
const (
	maxDepth  = 32
	maxValues = 20_000
)

// ErrMalformed means that a text is not an object that we would work on.
var ErrMalformed = errors.New("malformed object")

// Object is an object of somebody else. A property may be a value, an id or an object, one
// or a list of them: the methods take any of these for what was meant, and nothing for
// what makes no sense.
type Object map[string]any

// Parse reads an object. It refuses what honest software does not send: names given twice,
// NUL, deep nesting. The caller bounds the size of text.
func Parse(text []byte) (Object, error) {
	if !utf8.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) {
		return nil, fmt.Errorf("%w: not clean UTF-8", ErrMalformed)
	}
	p := parser{decoder: json.NewDecoder(bytes.NewReader(text)), left: maxValues}
	p.decoder.UseNumber()
	value, err := p.value(0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if p.decoder.More() {
		return nil, fmt.Errorf("%w: more than one value", ErrMalformed)
	}
	object, ok := value.(Object)
	if !ok {
		return nil, fmt.Errorf("%w: not an object", ErrMalformed)
	}
	return object, nil
}

// parser builds values from tokens, since the ready decoder takes the last of two equal
// names and any depth.
type parser struct {
	decoder *json.Decoder
	left    int
}

func (p *parser) value(depth int) (any, error) {
	if p.left--; p.left < 0 || depth > maxDepth {
		return nil, errors.New("too large or too deep")
	}
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return p.object(depth)
	case json.Delim('['):
		return p.list(depth)
	}
	return token, nil
}

func (p *parser) object(depth int) (any, error) {
	object := Object{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		if object[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := p.decoder.Token()
	return object, err
}

func (p *parser) list(depth int) (any, error) {
	list := []any{}
	for p.decoder.More() {
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := p.decoder.Token()
	return list, err
}

// values returns a property as a list.
func (o Object) values(name string) []any {
	switch value := o[name].(type) {
	case nil:
		return nil
	case []any:
		return value
	default:
		return []any{value}
	}
}

// reference returns the id that a value is or has, or the address of a Link.
func reference(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case Object:
		if id, ok := value["id"].(string); ok {
			return id
		}
		href, _ := value["href"].(string)
		return href
	}
	return ""
}

// ID returns the object's id, "" when it has none.
func (o Object) ID() string {
	id, _ := o["id"].(string)
	return id
}

// Type returns the first type.
func (o Object) Type() string {
	for _, value := range o.values("type") {
		if name, ok := value.(string); ok {
			return name
		}
	}
	return ""
}

// Ref returns the id of a property, the first where there are several.
func (o Object) Ref(name string) string {
	for _, value := range o.values(name) {
		if id := reference(value); id != "" {
			return id
		}
	}
	return ""
}

// Refs returns the ids of a property.
func (o Object) Refs(name string) []string {
	var ids []string
	for _, value := range o.values(name) {
		if id := reference(value); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Inner returns a property that is an object, the first where there are several.
func (o Object) Inner(name string) (Object, bool) {
	for _, value := range o.values(name) {
		if inner, ok := value.(Object); ok {
			return inner, true
		}
	}
	return nil, false
}

// Inners returns the objects among the values of a property.
func (o Object) Inners(name string) []Object {
	var list []Object
	for _, value := range o.values(name) {
		if inner, ok := value.(Object); ok {
			list = append(list, inner)
		}
	}
	return list
}

// Text returns a property that is a text. Where it is only given per language
// ("contentMap"), the first language in alphabetical order is taken.
func (o Object) Text(name string) string {
	for _, value := range o.values(name) {
		if text, ok := value.(string); ok {
			return text
		}
	}
	byLanguage, _ := o[name+"Map"].(Object)
	languages := make([]string, 0, len(byLanguage))
	for language := range byLanguage {
		languages = append(languages, language)
	}
	slices.Sort(languages)
	for _, language := range languages {
		if text, ok := byLanguage[language].(string); ok {
			return text
		}
	}
	return ""
}

// True reports whether a property is true.
func (o Object) True(name string) bool {
	yes, _ := o[name].(bool)
	return yes
}

// Time returns a property that is a moment (RFC 3339), zero when it is none.
func (o Object) Time(name string) time.Time {
	at, err := time.Parse(time.RFC3339, o.Text(name))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// Audience returns whom an activity or object is addressed to.
func (o Object) Audience() []string {
	return slices.Concat(o.Refs("to"), o.Refs("cc"))
}

// IsPublic reports whether everybody may see an object.
func (o Object) IsPublic() bool {
	return slices.ContainsFunc(o.Audience(), func(id string) bool {
		return id == Public || id == "as:Public" || id == "Public"
	})
}

// Is reports whether the object is of one of these types.
func (o Object) Is(types ...string) bool {
	return slices.Contains(types, o.Type())
}

// Count returns totalItems of a collection that a property holds, and false when it only
// names it.
func (o Object) Count(name string) (int64, bool) {
	inner, ok := o.Inner(name)
	if !ok {
		return 0, false
	}
	number, ok := inner["totalItems"].(json.Number)
	if !ok {
		return 0, false
	}
	n, err := number.Int64()
	return max(n, 0), err == nil
}

// Clean returns a short text of others, such as a name, as one line without control
// characters and not longer than limit letters.
func Clean(text string, limit int) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == utf8.RuneError {
			return ' '
		}
		return c
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if letters := []rune(text); len(letters) > limit {
		return string(letters[:limit])
	}
	return text
}
