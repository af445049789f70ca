package caption

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Tiles describes a storyboard: one picture with a grid of tiles taken at equal intervals.
type Tiles struct {
	File     string // address of the picture, relative to the track
	Columns  int
	Count    int // tiles with a picture in them
	Width    int // of one tile
	Height   int
	Interval time.Duration
	Length   time.Duration // of the video; the last cue ends here
}

// WriteTilesVTT writes the WebVTT whose cues point into the storyboard with #xywh
// (Media Fragments URI 1.0, 4.2.2).
func WriteTilesVTT(w io.Writer, t Tiles) error {
	if t.Columns <= 0 || t.Interval <= 0 || strings.ContainsAny(t.File, "\r\n") {
		return fmt.Errorf("write storyboard track: %d columns every %s", t.Columns, t.Interval)
	}
	var b strings.Builder
	b.WriteString("WEBVTT\n")
	for i := range t.Count {
		start := time.Duration(i) * t.Interval
		end := start + t.Interval
		if i == t.Count-1 || end > t.Length {
			end = t.Length
		}
		if end <= start {
			break
		}
		x, y := i%t.Columns*t.Width, i/t.Columns*t.Height
		writeCue(&b, start, end, "", fmt.Sprintf("%s#xywh=%d,%d,%d,%d", t.File, x, y, t.Width, t.Height))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
