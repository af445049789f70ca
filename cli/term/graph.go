package term

import (
	"strings"
)

// Graph draws values as a row of bars, the newest at the right, at most width of them. The
// highest bar is top, or the highest value where that is higher.
func Graph(values []float64, width int, top float64) string {
	values = values[max(0, len(values)-width):]
	for _, v := range values {
		top = max(top, v)
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(0, width-len(values))))
	for _, v := range values {
		switch {
		case v <= 0 || top <= 0:
			b.WriteByte(' ')
		default:
			b.WriteRune(bars[min(len(bars)-1, int(v/top*float64(len(bars))))])
		}
	}
	return b.String()
}

// Redraw returns what stands before a screen that is drawn again in place.
func (t *Terminal) Redraw() string { return "\x1b[H\x1b[J" }

// Screen takes the whole terminal for a while; the returned function gives it back as it was.
func (t *Terminal) Screen() (back func()) {
	_, _ = t.Out.Write([]byte("\x1b[?1049h\x1b[?25l"))
	return func() { _, _ = t.Out.Write([]byte("\x1b[?25h\x1b[?1049l")) }
}
