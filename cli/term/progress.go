package term

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
)

// Step is how far one stage of long work has come.
type Step struct {
	Stage   string
	Percent float64       // 0..100
	Speed   float64       // times real time, 0 when unknown
	ETA     time.Duration // below a second it is not shown
}

// barWidth is what bar and percentage take of a line; the rest is for words. A line that
// wraps could not be drawn over.
const barWidth = 36

// Progress shows steps as a moving line on standard error where that is a terminal. Elsewhere
// it shows nothing: a log, or the mail of a cron job, is for what has happened.
type Progress struct {
	t     *Terminal
	bar   *progressbar.ProgressBar
	shown bool
}

// NewProgress returns a display that has shown nothing yet.
func (t *Terminal) NewProgress() *Progress { return &Progress{t: t} }

// Show brings the display up to date.
func (p *Progress) Show(s Step) {
	if !p.t.ErrTTY {
		return
	}
	s.Stage = capital(Clean(s.Stage))
	s.Percent = min(100, max(0, s.Percent))
	p.draw(s)
}

// Clear takes the moving line away, so that something lasting can be printed.
func (p *Progress) Clear() {
	if p.bar != nil && p.shown {
		_ = p.bar.Clear()
		p.shown = false
	}
}

func (p *Progress) draw(s Step) {
	if p.bar == nil {
		p.bar = progressbar.NewOptions(1000,
			progressbar.OptionSetWriter(p.t.Err),
			progressbar.OptionSetWidth(barWidth-12),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetTheme(progressbar.Theme{
				Saucer: "█", SaucerPadding: "░", BarStart: " ", BarEnd: " ",
			}))
	}
	p.shown = true
	// The last step of a stage must not finish the bar: another stage follows on the same line.
	p.bar.Describe(cut(detail(s), max(8, p.t.ErrWidth-barWidth)))
	_ = p.bar.Set(min(999, int(s.Percent*10)))
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
