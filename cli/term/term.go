// Package term writes for people: tables, progress, questions and colour.
//
// It decides nothing about content. It knows whether the other end is a terminal,
// obeys NO_COLOR, and lets nothing through that would move the cursor: titles come
// from files and from strangers, and a terminal obeys what it is sent.
package term

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Terminal describes the streams of one run of the program.
type Terminal struct {
	In  io.Reader
	Out io.Writer // answers: addresses, tables, JSON
	Err io.Writer // everything else: progress, questions, errors

	InTTY, OutTTY, ErrTTY bool
	Colour                bool // standard output takes colour
	ErrColour             bool // standard error takes colour
	Width                 int  // columns of standard output, 0 when it is no terminal
	ErrWidth              int  // columns of standard error, 0 when it is no terminal
}

// New looks at the three streams. Colour is on for each that is a terminal that can show
// it when getenv("NO_COLOR") is empty, as https://no-color.org asks.
func New(in io.Reader, out, errOut io.Writer, getenv func(string) string) *Terminal {
	t := &Terminal{In: in, Out: out, Err: errOut}
	t.InTTY, _ = terminal(in)
	t.ErrTTY, t.ErrWidth = terminal(errOut)
	t.OutTTY, t.Width = terminal(out)
	wanted := getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	t.Colour, t.ErrColour = t.OutTTY && wanted, t.ErrTTY && wanted
	return t
}

// terminal reports whether stream is a terminal, and how wide it is.
func terminal(stream any) (bool, int) {
	f, ok := stream.(*os.File)
	if !ok {
		return false, 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return false, 0 // only a terminal has a size
	}
	if size.Col < 20 {
		// A terminal that does not say, such as a serial line or a test's.
		return true, 80
	}
	return true, int(size.Col)
}

// Style is how a piece of text stands out on a terminal that takes colour.
type Style string

// The few styles in use: more would say less.
const (
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Paint returns text for standard output in the style, or as it is where colour is off.
func (t *Terminal) Paint(s Style, text string) string { return paint(t.Colour, s, text) }

// PaintErr is Paint for standard error.
func (t *Terminal) PaintErr(s Style, text string) string { return paint(t.ErrColour, s, text) }

func paint(on bool, s Style, text string) string {
	if !on || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
