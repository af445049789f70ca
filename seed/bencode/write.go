package bencode

import "strconv"

// AppendInt appends a number.
func AppendInt(b []byte, n int64) []byte {
	b = append(b, 'i')
	b = strconv.AppendInt(b, n, 10)
	return append(b, 'e')
}

// AppendString appends a string of bytes. A dictionary is 'd', keys in their order each
// followed by its value, and 'e'; a list is 'l', its values, and 'e'.
func AppendString[S ~string | ~[]byte](b []byte, s S) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}
