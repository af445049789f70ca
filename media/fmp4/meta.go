package fmp4

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits on what a file may say about itself.
const (
	maxTitle    = 1000 // bytes
	maxChapters = 1000
)

// title looks for a title where iTunes and ffmpeg put it (moov/udta/meta/ilst), then
// where QuickTime does (moov/udta). Nothing else of the metadata is looked at.
func (s source) title(moov box) string {
	udta, ok := s.child(moov, "udta")
	if !ok {
		return ""
	}
	if meta, ok := s.child(udta, "meta"); ok {
		// In MP4 meta is a full box, with four bytes before its children; in QuickTime not.
		if _, plain := s.child(meta, "hdlr"); !plain {
			meta.body += 4
		}
		if list, ok := s.child(meta, "ilst"); ok {
			if name, ok := s.child(list, "\xa9nam"); ok {
				if data, ok := s.child(name, "data"); ok {
					return s.text(data, 8)
				}
			}
		}
	}
	if name, ok := s.child(udta, "\xa9nam"); ok {
		return s.text(name, 4)
	}
	return ""
}

// text returns the payload behind head bytes as one clean line.
func (s source) text(b box, head int) string {
	p, err := s.payload(b, maxTitle+int64(head))
	if err != nil || len(p) < head {
		return ""
	}
	return cleanLine(p[head:])
}

func cleanLine(p []byte) string {
	if !utf8.Valid(p) {
		return ""
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, string(bytes.TrimRight(p, "\x00")))
	return strings.Join(strings.Fields(clean), " ")
}

// chapters reads the chapter list: QuickTime's text track, else Nero's chpl box.
func (in *input) chapters() []Chapter {
	var number uint32
	for _, t := range in.movie.tracks {
		if t.chapterTrack != 0 {
			number = t.chapterTrack
			break
		}
	}
	for _, t := range in.movie.tracks {
		if number != 0 && t.ID == number && t.Kind == Text {
			if found := in.chapterTrack(t); len(found) > 0 {
				return found
			}
			break
		}
	}
	return in.chapterBox()
}

// chapterTrack reads titles from the samples of a text track: two bytes of length, text.
func (in *input) chapterTrack(t *track) []Chapter {
	var list []Chapter
	n := 0
	for s, err := range in.samples(t) {
		if n++; err != nil || n > maxChapters {
			break
		}
		p := make([]byte, min(s.size, maxTitle))
		if n, _ := in.r.ReadAt(p, s.offset); n < 2 || n < len(p) {
			break
		}
		length := int(binary.BigEndian.Uint16(p))
		if length > len(p)-2 {
			break
		}
		if title := cleanLine(p[2 : 2+length]); title != "" {
			list = append(list, Chapter{Start: ticksToTime(s.dts, t.Timescale), Title: title})
		}
	}
	return list
}

// chapterBox reads moov/udta/chpl: times in units of 100 nanoseconds.
func (in *input) chapterBox() []Chapter {
	udta, ok := in.child(in.movie.moov, "udta")
	if !ok {
		return nil
	}
	chpl, ok := in.child(udta, "chpl")
	if !ok {
		return nil
	}
	p, err := in.payload(chpl, maxSmall)
	if err != nil || len(p) < 9 {
		return nil
	}
	f := fields{b: p}
	version := f.u8()
	f.skip(3)
	if version > 0 {
		f.skip(4)
	}
	var list []Chapter
	for n := f.u8(); n > 0; n-- {
		at := f.u64()
		title := cleanLine(f.take(int(f.u8())))
		if f.short {
			break
		}
		if title != "" && at < maxSeconds*1e7 {
			list = append(list, Chapter{Start: time.Duration(at) * 100, Title: title})
		}
	}
	return list
}
