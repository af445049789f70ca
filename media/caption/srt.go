package caption

import (
	"regexp"
	"strconv"
	"strings"
)

// override matches the positioning codes of SubStation that many SubRip files carry.
var override = regexp.MustCompile(`\{\\[^{}\n]*\}`)

// parseSRT reads SubRip: a number, a line of times, text, a blank line. Text after a
// blank line that is no new caption belongs to the one before, as players take it.
func parseSRT(lines []string) (Track, error) {
	var cues []Cue
	start := nextTiming(lines, 0)
	if err := checkBefore(lines[:start]); err != nil {
		return Track{}, err
	}
	for at := start; at < len(lines); {
		next := nextTiming(lines, at+1)
		text := lines[at+1 : next]
		if next < len(lines) {
			text = dropNumber(text, numberAt(lines, at-1)+1)
		}
		joined := override.ReplaceAllString(strings.Join(text, "\n"), "")
		// What follows the times is a position in pixels, of no use to a browser.
		timing := lines[at]
		if from, to, _ := strings.Cut(timing, "-->"); len(strings.Fields(to)) > 1 {
			timing = from + "-->" + strings.Fields(to)[0]
		}
		var err error
		if cues, err = addCue(cues, at+1, timing, joined); err != nil {
			return Track{}, err
		}
		at = next
	}
	return finish(cues)
}

func nextTiming(lines []string, at int) int {
	for at < len(lines) && !strings.Contains(lines[at], "-->") {
		at++
	}
	return at
}

// checkBefore refuses text before the first caption: then the file is something else.
func checkBefore(lines []string) error {
	for i, l := range dropNumber(lines, 1) {
		if strings.TrimSpace(l) != "" {
			return problem(i+1, "expected a caption number or a time like 00:00:01,000 --> 00:00:04,000, not %q", short(l))
		}
	}
	return nil
}

// dropNumber removes the number of the next caption from the end of text: a number after
// a blank line, or, where the blank line was forgotten, the one that is due. A caption
// that is itself a number stays.
func dropNumber(text []string, due int) []string {
	n := len(text) - 1
	number := numberAt(text, n)
	if number >= 0 && (n == 0 || strings.TrimSpace(text[n-1]) == "" || number == due) {
		return text[:n]
	}
	return text
}

// numberAt returns the number that a line consists of, or -1.
func numberAt(lines []string, at int) int {
	if at < 0 {
		return -1
	}
	n, err := strconv.ParseUint(strings.TrimSpace(lines[at]), 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}
