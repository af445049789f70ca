package files

import (
	"math"
	"strconv"
	"strings"
)

// oneRange reduces a Range header to the first of its ranges that lies in a file of
// the given size. When there is none, or the header is malformed, it returns a range
// that net/http answers with 416 (RFC 9110, 15.5.17). It reports false for a header in
// another unit than bytes, which must be ignored (14.2).
func oneRange(header string, size int64) (string, bool) {
	unit, list, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return "", false
	}
	nothing := "bytes=" + strconv.FormatInt(size, 10) + "-"
	chosen := nothing
	for spec := range strings.SplitSeq(list, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue
		}
		start, end, ok := bounds(spec, size)
		if !ok {
			return nothing, true
		}
		if chosen == nothing && start < size {
			chosen = "bytes=" + strconv.FormatInt(start, 10) + "-" + strconv.FormatInt(end, 10)
		}
	}
	return chosen, true
}

// bounds reads "first-last", "first-" or "-suffix" into the first and the last byte
// within the file. A range that lies beyond the file has start >= size.
func bounds(spec string, size int64) (start, end int64, ok bool) {
	first, last, found := strings.Cut(spec, "-")
	if !found {
		return 0, 0, false
	}
	if first == "" {
		n, ok := number(last)
		return max(size-n, 0), size - 1, ok
	}
	start, ok = number(first)
	if !ok {
		return 0, 0, false
	}
	if last == "" {
		return start, size - 1, true
	}
	end, ok = number(last)
	return start, min(end, size-1), ok && start <= end
}

// number reads digits and nothing else. A number too large for us is as good as the
// largest.
func number(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}
