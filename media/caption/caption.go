// Package caption reads subtitles and chapter lists as people have them (WebVTT, SubRip,
// ffmetadata, "0:00 Intro" lines) and writes them as WebVTT that any browser takes.
//
// Nothing is passed through: every cue is parsed, checked against limits, and written
// anew, with only harmless tags and no style sheets.
package caption

import (
	"errors"
	"io"
	"time"
)

// Track is a list of cues in order of their start.
type Track struct {
	Cues []Cue
}

// Cue is one shown text.
type Cue struct {
	Start, End time.Duration
	Settings   string // checked WebVTT cue settings, such as "line:10% align:start"
	Text       string // WebVTT cue text with allowed tags only
}

// Chapter is one named point in a video.
type Chapter struct {
	Start time.Duration
	Title string
}

// LineError says what is wrong in which line, and what to do about it.
type LineError struct {
	Line    int
	Problem string
}

func (e *LineError) Error() string { return e.Problem }

// Parse reads WebVTT or SubRip, whichever it is.
func Parse(r io.Reader) (Track, error) { return Track{}, errors.ErrUnsupported }

// ParseVTT reads WebVTT.
func ParseVTT(r io.Reader) (Track, error) { return Track{}, errors.ErrUnsupported }

// ParseSRT reads SubRip.
func ParseSRT(r io.Reader) (Track, error) { return Track{}, errors.ErrUnsupported }

// WriteVTT writes t as WebVTT.
func (t Track) WriteVTT(w io.Writer) error { return errors.ErrUnsupported }

// ParseChapters reads a chapter file: WebVTT, ffmetadata, or lines like "1:02:03 Title".
func ParseChapters(r io.Reader) ([]Chapter, error) { return nil, errors.ErrUnsupported }

// ChaptersFromText finds chapters in a description: at least two lines that begin with a
// time, the first 0:00, ascending. It returns nil when there are none.
func ChaptersFromText(text string) []Chapter { return nil }

// WriteChaptersVTT writes chapters as a WebVTT chapter track for a video of the given length.
func WriteChaptersVTT(w io.Writer, chapters []Chapter, length time.Duration) error {
	return errors.ErrUnsupported
}

// Tiles describes a storyboard: one picture with a grid of tiles taken at equal intervals.
type Tiles struct {
	File     string
	Columns  int
	Count    int
	Width    int // of one tile
	Height   int
	Interval time.Duration
	Length   time.Duration // of the video; the last cue ends here
}

// WriteTilesVTT writes the WebVTT whose cues point into the storyboard with #xywh.
func WriteTilesVTT(w io.Writer, t Tiles) error { return errors.ErrUnsupported }
