// Package caption reads subtitles and chapter lists as people have them (WebVTT, SubRip,
// ffmetadata, "0:00 Intro" lines) and writes them as WebVTT that any browser takes.
//
// Nothing is passed through: every cue is parsed, checked against limits, and written
// anew, with only harmless tags and no style sheets. What cannot be understood is a
// LineError that says where and what to do.
package caption

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Limits of one file. A film has about 2,000 cues and 100 kB.
const (
	MaxBytes   = 10 << 20
	MaxCues    = 20000
	maxCueText = 5000 // bytes, after cleaning
	maxHours   = 1000
)

// Track is a list of cues in order of their start. Cues may overlap.
type Track struct {
	Cues []Cue
}

// Cue is one shown text.
type Cue struct {
	Start, End time.Duration
	Settings   string // checked WebVTT cue settings, such as "line:10% align:start"
	Text       string // WebVTT cue text with allowed tags only
}

// LineError says what is wrong in which line, and what to do about it.
type LineError struct {
	Line    int // from 1; 0 when it is about the whole file
	Problem string
}

func (e *LineError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

func problem(line int, format string, args ...any) error {
	return &LineError{Line: line, Problem: fmt.Sprintf(format, args...)}
}

// Parse reads WebVTT or SubRip, whichever it is.
func Parse(r io.Reader) (Track, error) {
	lines, err := readLines(r)
	if err != nil {
		return Track{}, err
	}
	if isVTT(lines) {
		return parseVTT(lines)
	}
	return parseSRT(lines)
}

// finish puts the cues in order and checks that there are some.
func finish(cues []Cue) (Track, error) {
	if len(cues) == 0 {
		return Track{}, problem(0, "no captions found; expected WebVTT or SubRip with lines like 00:00:01.000 --> 00:00:04.000")
	}
	slices.SortStableFunc(cues, func(a, b Cue) int { return cmp.Compare(a.Start, b.Start) })
	return Track{Cues: cues}, nil
}

// addCue checks one cue and appends it. A cue that shows nothing, or for no time, is
// left out: extracted subtitles have them, and no player would show them.
func addCue(cues []Cue, line int, timing string, text string) ([]Cue, error) {
	c, err := parseTiming(timing, line)
	if err != nil {
		return nil, err
	}
	c.Text = cleanText(text)
	if len(c.Text) > maxCueText {
		return nil, problem(line, "this caption is longer than %d bytes; is a blank line missing?", maxCueText)
	}
	if c.Text == "" || c.Start == c.End {
		return cues, nil
	}
	if len(cues) == MaxCues {
		return nil, problem(line, "more than %d captions; split the file", MaxCues)
	}
	return append(cues, c), nil
}

// parseTiming reads "start --> end settings".
func parseTiming(s string, line int) (Cue, error) {
	from, rest, _ := strings.Cut(s, "-->")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return Cue{}, problem(line, "the end time is missing; write 00:00:01.000 --> 00:00:04.000")
	}
	var c Cue
	for _, t := range []struct {
		text string
		into *time.Duration
	}{{strings.TrimSpace(from), &c.Start}, {words[0], &c.End}} {
		d, ok := parseClock(t.text)
		if !ok {
			return Cue{}, problem(line, "%q is not a time; write it as 00:00:01.000", short(t.text))
		}
		*t.into = d
	}
	if c.End < c.Start {
		return Cue{}, problem(line, "the caption ends before it starts; exchange the two times or correct one")
	}
	c.Settings = cleanSettings(words[1:])
	return c, nil
}

// short cuts strangers' text to what fits into a message.
func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

// WriteVTT writes the track as WebVTT, cleaning every cue once more.
func (t Track) WriteVTT(w io.Writer) error {
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for _, c := range t.Cues {
		writeCue(&b, c.Start, c.End, cleanSettings(strings.Fields(c.Settings)), cleanText(c.Text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeCue(b *strings.Builder, start, end time.Duration, settings, text string) {
	fmt.Fprintf(b, "\n%s --> %s", clock(start), clock(end))
	if settings != "" {
		b.WriteString(" " + settings)
	}
	b.WriteString("\n" + text + "\n")
}
