package bencode_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/seed/bencode"
)

func TestDecode(t *testing.T) {
	v, err := bencode.Decode([]byte("d1:ai-7e1:bl2:xyi0ee1:cd0:leee"), 16)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := v.Get("a", bencode.Int); !ok || n.Num != -7 {
		t.Errorf("a is %+v", n)
	}
	list, ok := v.Get("b", bencode.List)
	if !ok || len(list.Items) != 2 || string(list.Items[0].Bytes) != "xy" || string(list.Raw) != "l2:xyi0ee" {
		t.Errorf("b is %+v", list)
	}
	if _, ok := v.Get("b", bencode.Dict); ok {
		t.Error("b is no dictionary")
	}
	if _, ok := v.Get("d", bencode.Int); ok {
		t.Error("there is no d")
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]string{
		"nothing": "", "garbage": "x", "no end": "i1", "empty number": "ie", "plus": "i+1e", "zeros": "i00e",
		"minus zero": "i-0e", "overflow": "i9223372036854775808e", "endless number": "i" + strings.Repeat("1", 1000) + "e",
		"short string": "5:abcd", "negative string": "-1:a", "string length with zero": "01:a", "huge": "99999999999999999:a",
		"open list": "li1e", "open dictionary": "d1:ai1e", "no value": "d1:ae", "number as key": "di1ei1ee",
		"order": "d1:bi1e1:ai1ee", "twice": "d1:ai1e1:ai1ee", "two values": "i1ei2e",
		"deep": strings.Repeat("l", 100) + strings.Repeat("e", 100), "wide": "l" + strings.Repeat("le", 100) + "e",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if v, err := bencode.Decode([]byte(text), 50); !errors.Is(err, bencode.ErrSyntax) {
				t.Errorf("read %+v, %v", v, err)
			}
		})
	}
}

// FuzzDecode: what is accepted has one spelling, so writing it again gives the same bytes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"d1:ai-7e1:bl2:xyi0ee1:cd0:leee", "le", "i0e", "0:", "d"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := bencode.Decode(b, 200)
		if err != nil {
			return
		}
		if got := write(nil, v); !bytes.Equal(got, b) {
			t.Errorf("read %q, wrote %q", b, got)
		}
	})
}

func write(b []byte, v bencode.Value) []byte {
	switch v.Kind {
	case bencode.Int:
		return bencode.AppendInt(b, v.Num)
	case bencode.String:
		return bencode.AppendString(b, v.Bytes)
	case bencode.List:
		b = append(b, 'l')
		for _, item := range v.Items {
			b = write(b, item)
		}
	case bencode.Dict:
		b = append(b, 'd')
		for _, pair := range v.Pairs {
			b = write(bencode.AppendString(b, pair.Key), pair.Value)
		}
	}
	return append(b, 'e')
}
