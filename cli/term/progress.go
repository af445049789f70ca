package term

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Step is how far one stage of long work has come.
type Step struct {
	Stage   string
	Percent float64       // 0..100
	Speed   float64       // times real time, 0 when unknown
	ETA     time.Duration // below a second it is not shown
}

// What bar and percentage take of a line; the rest is for words. A line that wraps could
// not be drawn over.
const (
	barWidth = 24
	besides  = barWidth + 12
)

// Progress shows steps as a moving line on standard error where that is a terminal. Elsewhere
// it shows nothing: a log, or the mail of a cron job, is for what has happened.
type Progress struct {
	t    *Terminal
	line string // what is shown
}

// NewProgress returns a display that has shown nothing yet.
func (t *Terminal) NewProgress() *Progress { return &Progress{t: t} }

// Show brings the display up to date.
func (p *Progress) Show(s Step) {
	if !p.t.ErrTTY {
		return
	}
	s.Stage = capital(Clean(s.Stage))
	// The last step of a stage does not fill the bar: another stage follows on the same line.
	s.Percent = min(99.9, s.Percent)
	if !(s.Percent > 0) { // or no number at all
		s.Percent = 0
	}
	p.draw(bar(s.Percent) + cut(detail(s), max(8, p.t.ErrWidth-besides)))
}

// Clear takes the moving line away, so that something lasting can be printed.
func (p *Progress) Clear() {
	if p.line != "" {
		p.draw("")
		_, _ = fmt.Fprint(p.t.Err, "\r")
	}
}

// draw writes line over the one that is shown. Spaces cover what was longer, since they work on
// every terminal.
func (p *Progress) draw(line string) {
	if line == p.line {
		return
	}
	_, _ = fmt.Fprint(p.t.Err, "\r"+line+strings.Repeat(" ", max(0, covers(p.line)-covers(line))))
	p.line = line
}

func bar(percent float64) string {
	full := int(percent * barWidth / 100)
	return fmt.Sprintf("%4d%%  %s%s  ", int(percent), strings.Repeat("█", full), strings.Repeat("░", barWidth-full))
}

// detail is what stands beside the bar, which shows the percentage itself.
func detail(s Step) string {
	if rest := measure(s); rest != "" {
		return s.Stage + ", " + rest
	}
	return s.Stage
}

// capital begins text with a capital letter: a stage begins a line.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

func measure(s Step) string {
	var parts []string
	if s.Speed > 0 {
		parts = append(parts, fmt.Sprintf("%.1fx", s.Speed))
	}
	if s.ETA >= time.Second {
		parts = append(parts, Duration(s.ETA)+" left")
	}
	return strings.Join(parts, ", ")
}
