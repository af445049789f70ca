package store

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are what a rate or an amount may be followed by, in bytes. Bits are what providers
// count lines in, bytes what they count months in.
func units() map[string]float64 {
	return map[string]float64{
		"kbit": 1e3 / 8, "mbit": 1e6 / 8, "gbit": 1e9 / 8, "kbps": 1e3 / 8, "mbps": 1e6 / 8, "gbps": 1e9 / 8,
		"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
	}
}

// ParseBytes reads an amount such as "2TB", or a rate such as "20Mbit" in bytes a second.
// "none", "0" and "" are 0, which stands for no limit.
func ParseBytes(text string) (int64, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimSuffix(text, "/s")
	if text == "" || text == "none" || text == "0" {
		return 0, nil
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.ParseFloat(digits, 64)
	unit, known := units()[strings.TrimSpace(text[len(digits):])]
	if err != nil || !known || !(n > 0) || n*unit < 1 || n*unit > math.MaxInt64/4 {
		return 0, fmt.Errorf("%q: %w", text, ErrInvalid)
	}
	return int64(n * unit), nil
}

// least is the lowest rate that still shows a film to somebody.
const least = 100e3 / 8

func rate(v string) error {
	if n, err := ParseBytes(v); err != nil || n != 0 && n < least {
		return errors.New("it is a rate such as 20Mbit or 2.5MB, at least 100kbit, or none")
	}
	return nil
}

func amount(v string) error {
	if n, err := ParseBytes(v); err != nil || n != 0 && n < 1e6 || strings.Contains(strings.ToLower(v), "bit") {
		return errors.New("it is an amount such as 500GB or 2TB, at least 1MB, or none")
	}
	return nil
}

// orWord is a rule that allows a word besides.
func orWord(word string, r rule) rule {
	return rule{check: func(v string) error {
		if v == word {
			return nil
		}
		return r.check(v)
	}}
}
