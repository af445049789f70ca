// Package bencode reads and writes the encoding of BitTorrent: integers, byte strings,
// lists and dictionaries.
//
// It reads strangers' bytes, so it is strict and bounded: one encoding for each value, keys
// in order and never twice, nothing after the end, no deep nesting, and no more values than
// the caller allows. What it has read it can name byte by byte, because an infohash is the
// hash of bytes as they came.
package bencode

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// ErrSyntax is wrapped by every refusal of Decode.
var ErrSyntax = errors.New("not strict bencode")

// maxDepth is twice what any message of BitTorrent needs.
const maxDepth = 16

// Kind says what a Value is.
type Kind byte

// The four kinds, by the byte that begins them ('s' stands for a digit).
const (
	Int    Kind = 'i'
	String Kind = 's'
	List   Kind = 'l'
	Dict   Kind = 'd'
)

// Value is one value as it was read. Its slices share the memory of the input.
type Value struct {
	Kind  Kind
	Raw   []byte  // the whole value as it was written
	Num   int64   // of an Int
	Bytes []byte  // of a String
	Items []Value // of a List
	Pairs []Pair  // of a Dict, in the order of their keys
}

// Pair is one entry of a dictionary.
type Pair struct {
	Key   string
	Value Value
}

// Get returns the dictionary's value for key, if it has one of that kind.
func (v Value) Get(key string, kind Kind) (Value, bool) {
	for _, pair := range v.Pairs {
		if pair.Key == key {
			return pair.Value, pair.Value.Kind == kind
		}
	}
	return Value{}, false
}

// Decode reads the one value that b is, of at most limit values in all.
func Decode(b []byte, limit int) (Value, error) {
	d := decoder{rest: b, left: limit}
	v, err := d.value(0)
	if err != nil {
		return Value{}, err
	}
	if len(d.rest) > 0 {
		return Value{}, fmt.Errorf("%w: %d bytes after the end", ErrSyntax, len(d.rest))
	}
	return v, nil
}

// decoder is what is left to read and how much it may become.
type decoder struct {
	rest []byte
	left int
}

func (d *decoder) value(depth int) (Value, error) {
	if len(d.rest) == 0 {
		return Value{}, fmt.Errorf("%w: it ends too early", ErrSyntax)
	}
	if d.left--; d.left < 0 || depth > maxDepth {
		return Value{}, fmt.Errorf("%w: too many values", ErrSyntax)
	}
	start := d.rest
	v, err := d.open(depth)
	if err != nil {
		return Value{}, err
	}
	v.Raw = start[:len(start)-len(d.rest)]
	return v, nil
}

// open reads a value by its first byte, of which there is one.
func (d *decoder) open(depth int) (Value, error) {
	switch c := d.rest[0]; {
	case c == 'i':
		d.rest = d.rest[1:]
		n, err := d.number('e')
		return Value{Kind: Int, Num: n}, err
	case c >= '0' && c <= '9':
		s, err := d.text()
		return Value{Kind: String, Bytes: s}, err
	case c == 'l':
		d.rest = d.rest[1:]
		return d.list(depth)
	case c == 'd':
		d.rest = d.rest[1:]
		return d.dict(depth)
	default:
		return Value{}, fmt.Errorf("%w: a value can't begin with %q", ErrSyntax, c)
	}
}

// number reads a decimal number up to end. Zero has one form, and so has every other.
func (d *decoder) number(end byte) (int64, error) {
	const longest = len("-9223372036854775808")
	at := bytes.IndexByte(d.rest[:min(len(d.rest), longest+1)], end)
	if at < 1 {
		return 0, fmt.Errorf("%w: a number without end", ErrSyntax)
	}
	text := string(d.rest[:at])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%w: number %q", ErrSyntax, text)
	}
	d.rest = d.rest[at+1:]
	return n, nil
}

func (d *decoder) text() ([]byte, error) {
	n, err := d.number(':')
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(d.rest)) {
		return nil, fmt.Errorf("%w: a string of %d bytes where %d are left", ErrSyntax, n, len(d.rest))
	}
	s := d.rest[:n:n]
	d.rest = d.rest[n:]
	return s, nil
}

func (d *decoder) list(depth int) (Value, error) {
	v := Value{Kind: List}
	for !d.ended() {
		item, err := d.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.Items = append(v.Items, item)
	}
	return v, nil
}

func (d *decoder) dict(depth int) (Value, error) {
	v := Value{Kind: Dict}
	for !d.ended() {
		key, err := d.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		if key.Kind != String {
			return Value{}, fmt.Errorf("%w: a key that is no string", ErrSyntax)
		}
		if n := len(v.Pairs); n > 0 && v.Pairs[n-1].Key >= string(key.Bytes) {
			return Value{}, fmt.Errorf("%w: key %q out of order", ErrSyntax, key.Bytes)
		}
		item, err := d.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.Pairs = append(v.Pairs, Pair{string(key.Bytes), item})
	}
	return v, nil
}

// ended takes the 'e' that closes a list or a dictionary.
func (d *decoder) ended() bool {
	if len(d.rest) > 0 && d.rest[0] == 'e' {
		d.rest = d.rest[1:]
		return true
	}
	return false
}
