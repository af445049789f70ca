// Package input reads what the creator types: moments, lists, and a video's front matter,
// which it also writes. It changes nothing but the values it is given.
package input

import (
	"fmt"
	"strings"
	"time"
)

// layouts are the ways to write a moment. Those without a zone mean the local one.
var layouts = []string{
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
}

// Time reads a moment: RFC 3339, or date and time of day in the zone of local.
func Time(text string, local *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range layouts {
		t, err := time.ParseInLocation(layout, text, local)
		if err != nil {
			continue
		}
		// In the hour that a change to summer time leaves out, Go takes another one.
		if t.Format(layout) != text {
			return time.Time{}, fmt.Errorf("the clocks skip %s", text)
		}
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-12-01T18:00, or 2026-12-01T18:00:00Z with a zone", text)
}

// FutureTime is Time for what is to happen: it must come after now.
func FutureTime(text string, now time.Time) (time.Time, error) {
	t, err := Time(text, now.Location())
	if err == nil && !t.After(now) {
		return time.Time{}, fmt.Errorf("%s is past: leave the time out to publish at once", text)
	}
	return t, err
}

// List reads a repeated option whose values may hold several words between commas, and
// drops what is empty or there twice.
func List(values []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			word = strings.TrimSpace(word)
			if word != "" && !seen[word] {
				seen[word] = true
				list = append(list, word)
			}
		}
	}
	return list
}

// Captions reads repeated "language=file" options.
func Captions(values []string) (map[string]string, error) {
	files := map[string]string{}
	for _, value := range values {
		language, file, found := strings.Cut(value, "=")
		if !found || language == "" || file == "" {
			return nil, fmt.Errorf("%q: write the language and the file, such as en=talk.srt", value)
		}
		if _, twice := files[language]; twice {
			return nil, fmt.Errorf("%q: there is a file for %s already", value, language)
		}
		files[language] = file
	}
	return files, nil
}
