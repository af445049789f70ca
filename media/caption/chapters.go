package caption

import (
	"cmp"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a chapter list.
const (
	maxChapters = 1000
	maxTitle    = 200 // characters
)

// Chapter is one named point in a video.
type Chapter struct {
	Start time.Duration
	Title string
}

// ParseChapters reads a chapter file: WebVTT, ffmetadata, or lines like "1:02:03 Title".
func ParseChapters(r io.Reader) ([]Chapter, error) {
	lines, err := readLines(r)
	if err != nil {
		return nil, err
	}
	var list []Chapter
	switch {
	case isVTT(lines):
		list, err = chaptersFromVTT(lines)
	case strings.HasPrefix(lines[0], ";FFMETADATA"):
		list, err = chaptersFromMetadata(lines)
	default:
		list, err = chaptersFromLines(lines)
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, problem(0, "no chapters found; write one on each line, like 1:30 What it is about")
	}
	if len(list) > maxChapters {
		return nil, problem(0, "more than %d chapters", maxChapters)
	}
	slices.SortStableFunc(list, func(a, b Chapter) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(list); i++ {
		if list[i].Start == list[i-1].Start {
			return nil, problem(0, "two chapters begin at %s: %q and %q", clock(list[i].Start), short(list[i-1].Title), short(list[i].Title))
		}
	}
	return list, nil
}

func chaptersFromVTT(lines []string) ([]Chapter, error) {
	track, err := parseVTT(lines)
	if err != nil {
		return nil, err
	}
	var list []Chapter
	for _, c := range track.Cues {
		if title := plain(c.Text); title != "" {
			list = append(list, Chapter{Start: c.Start, Title: title})
		}
	}
	return list, nil
}

// entry matches a line that begins with a time: a bullet or number, the time, perhaps in
// brackets, a separator, the title.
var entry = regexp.MustCompile(`^\s*(?:[-*+•]\s+|\d{1,3}[.)]\s+)?[(\[]?(\d{1,3}(?::\d{2}){1,2}(?:\.\d{1,3})?)[)\]]?(?:\s*[-–—:|]\s+|\s+)(.*\S)`)

// lineChapter reads one line as a chapter.
func lineChapter(line string) (Chapter, bool) {
	m := entry.FindStringSubmatch(line)
	if m == nil {
		return Chapter{}, false
	}
	at, ok := parseClock(m[1])
	title := oneLine(m[2])
	return Chapter{Start: at, Title: title}, ok && title != ""
}

func chaptersFromLines(lines []string) ([]Chapter, error) {
	var list []Chapter
	for i, l := range lines {
		if l = strings.TrimSpace(l); l == "" || l[0] == '#' || l[0] == ';' {
			continue
		}
		c, ok := lineChapter(l)
		if !ok {
			return nil, problem(i+1, "expected a time and a title, like 1:30 What it is about, not %q", short(l))
		}
		list = append(list, c)
	}
	return list, nil
}

// ChaptersFromText finds chapters in a description: at least two lines that begin with a
// time, the first 0:00, ascending. It returns nil when there are none.
func ChaptersFromText(text string) []Chapter {
	var list []Chapter
	for l := range strings.Lines(text) {
		c, ok := lineChapter(strings.TrimRight(l, "\r\n"))
		if !ok {
			continue
		}
		if n := len(list); n == maxChapters || n == 0 && c.Start != 0 || n > 0 && c.Start <= list[n-1].Start {
			return nil
		}
		list = append(list, c)
	}
	if len(list) < 2 {
		return nil
	}
	return list
}

// chaptersFromMetadata reads ffmpeg's format (ffmpeg-formats, "Metadata"): sections of
// key=value with a backslash before the special characters.
func chaptersFromMetadata(lines []string) ([]Chapter, error) {
	var list []Chapter
	var section *section
	flush := func() error {
		if section == nil {
			return nil
		}
		c, err := section.chapter()
		list = append(list, c)
		return err
	}
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "["):
			if err := flush(); err != nil {
				return nil, err
			}
			section = nil
			if strings.HasPrefix(l, "[CHAPTER]") {
				section = newSection(i + 1)
			}
		case section != nil && l != "" && l[0] != ';' && l[0] != '#':
			section.set(l)
		}
	}
	return list, flush()
}

// section is one [CHAPTER] of an ffmetadata file.
type section struct {
	line                        int
	numerator, denominator, pos string
	title                       string
}

func newSection(line int) *section {
	return &section{line: line, numerator: "1", denominator: "1000000000"}
}

func (s *section) set(line string) {
	key, value, _ := strings.Cut(line, "=")
	switch strings.TrimSpace(key) {
	case "TIMEBASE":
		s.numerator, s.denominator, _ = strings.Cut(strings.TrimSpace(value), "/")
	case "START":
		s.pos = strings.TrimSpace(value)
	case "title":
		s.title = unescape(value)
	}
}

func (s *section) chapter() (Chapter, error) {
	num, err1 := strconv.ParseUint(s.numerator, 10, 32)
	den, err2 := strconv.ParseUint(s.denominator, 10, 32)
	pos, err3 := strconv.ParseUint(s.pos, 10, 63)
	if err1 != nil || err2 != nil || err3 != nil || den == 0 {
		return Chapter{}, problem(s.line, "this chapter needs TIMEBASE=1/1000 and START=<number>")
	}
	seconds := float64(pos) * float64(num) / float64(den)
	if seconds >= maxHours*3600 {
		return Chapter{}, problem(s.line, "this chapter begins after %d hours; is its TIMEBASE right?", maxHours)
	}
	title := oneLine(s.title)
	if title == "" {
		return Chapter{}, problem(s.line, "this chapter has no title; add title=...")
	}
	return Chapter{Start: time.Duration(seconds * float64(time.Second)).Round(time.Millisecond), Title: title}, nil
}

// unescape removes the backslash before special characters.
func unescape(s string) string {
	var b strings.Builder
	escaped := false
	for _, r := range s {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		b.WriteRune(r)
	}
	return b.String()
}

// WriteChaptersVTT writes chapters as a WebVTT chapter track for a video of the given
// length. Each ends where the next begins; those beyond the length are left out.
func WriteChaptersVTT(w io.Writer, chapters []Chapter, length time.Duration) error {
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for i, c := range chapters {
		end := length
		if i+1 < len(chapters) {
			end = min(end, chapters[i+1].Start)
		}
		if title := oneLine(c.Title); title != "" && c.Start < end {
			writeCue(&b, c.Start, end, "", escape(title))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
