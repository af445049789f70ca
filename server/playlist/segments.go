package playlist

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Segment is one entry of a media playlist.
type Segment struct {
	Offset, Size    int64
	Start, Duration time.Duration
}

// Segments reads a media playlist of ours: byte ranges of one file.
func Segments(text []byte) ([]Segment, error) {
	var list []Segment
	var next Segment
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		tag, value, _ := strings.Cut(lines.Text(), ":")
		switch tag {
		case "#EXTINF":
			seconds, err := strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
			if err != nil || !(seconds >= 0 && seconds < 1e6) {
				return nil, fmt.Errorf("segment %d lasts %q", len(list), value)
			}
			next.Duration = time.Duration(seconds * float64(time.Second))
		case "#EXT-X-BYTERANGE":
			if err := next.place(value); err != nil {
				return nil, fmt.Errorf("segment %d: %w", len(list), err)
			}
			list = append(list, next)
			next = Segment{Start: next.Start + next.Duration}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// place reads "size@offset".
func (s *Segment) place(text string) error {
	size, offset, _ := strings.Cut(text, "@")
	var err error
	if s.Size, err = strconv.ParseInt(size, 10, 64); err == nil {
		s.Offset, err = strconv.ParseInt(offset, 10, 64)
	}
	if err != nil || s.Size <= 0 || s.Offset < 0 {
		return fmt.Errorf("bytes %q", text)
	}
	return nil
}
