package caption

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// readLines reads text of any common encoding and line ending, up to MaxBytes.
func readLines(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read captions: %w", err)
	}
	if len(b) > MaxBytes {
		return nil, problem(0, "the file is larger than %d MB", MaxBytes>>20)
	}
	text := decode(b)
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	return strings.Split(strings.Map(printable, text), "\n"), nil
}

// printable drops control characters, which no caption needs.
func printable(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case r < ' ', r >= 0x7f && r < 0xa0, r == utf8.RuneError, r == 0xfeff:
		return -1
	}
	return r
}

// decode turns UTF-8, UTF-16 or, failing both, Windows' Latin-1 into a string.
func decode(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		b = b[3:]
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return decode16(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return decode16(b[2:], binary.BigEndian)
	}
	if utf8.Valid(b) {
		return string(b)
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return string(bytes.ToValidUTF8(b, nil))
	}
	return string(s)
}

func decode16(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// parseClock reads "1:02:03.250", "02:03,250", "2:03" or the like.
func parseClock(s string) (time.Duration, bool) {
	s, fraction, dotted := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 || dotted && (fraction == "" || len(fraction) > 9) {
		return 0, false
	}
	var total time.Duration
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		// Only the leading part may exceed 59: "75:30" are minutes and seconds.
		if err != nil || p[0] == '+' || i > 0 && n > 59 || i > 0 && len(p) != 2 {
			return 0, false
		}
		total = total*60 + time.Duration(n)*time.Second
	}
	if dotted {
		n, err := strconv.ParseUint((fraction + "000")[:max(3, min(len(fraction), 3))], 10, 16)
		if _, bad := strconv.ParseUint(fraction, 10, 32); err != nil || bad != nil {
			return 0, false
		}
		total += time.Duration(n) * time.Millisecond
	}
	return total, total < maxHours*time.Hour
}

// clock writes a WebVTT timestamp.
func clock(d time.Duration) string {
	ms := max(0, d.Round(time.Millisecond).Milliseconds())
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}
