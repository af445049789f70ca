// Package fmp4 reads and writes fragmented MP4 (ISO/IEC 14496-12): it lists the
// fragments of a rendition, writes its byte-range playlist (RFC 8216), joins video
// chunks with one audio file, and turns a plain MP4 into the same layout without ffmpeg.
//
// Every file it writes looks like this, one fragment for each closed GOP and one index
// for each track:
//
//	ftyp moov sidx sidx | moof mdat | moof mdat | ...
//
// It reads box headers and sample tables only, through io.ReaderAt, and takes no
// number in a file at its word: a whole file is never in memory.
package fmp4

import (
	"errors"
	"time"
)

// ErrFormat is wrapped by every error that says the bytes are not the MP4 they should be.
var ErrFormat = errors.New("not a usable MP4")

// ErrUnsupported is wrapped when a file is sound but only ffmpeg can do what was asked.
var ErrUnsupported = errors.New("needs ffmpeg")

// ErrDiffer is wrapped by Join's error when the chunks do not come from one encoder.
var ErrDiffer = errors.New("encoded differently from the first chunk")

// Kind says what a track carries.
type Kind string

// The kinds of track.
const (
	Video Kind = "video"
	Audio Kind = "audio"
	Text  Kind = "text"
	Other Kind = "other"
)

// Track is what the movie box says about one track.
type Track struct {
	ID         uint32
	Kind       Kind
	Entry      string // sample entry: "avc1", "hvc1", "mp4a"
	Codec      string // RFC 6381: "avc1.64001f", "mp4a.40.2"
	Timescale  uint32 // ticks per second
	Width      int    // of the coded picture
	Height     int
	Channels   int
	SampleRate int
	Language   string // ISO 639-2, empty when undetermined
}

// Fragment is one moof with the mdat that follows it.
type Fragment struct {
	Offset   int64
	Size     int64
	Start    time.Duration // of the leading track: video, or audio when there is none
	Duration time.Duration
	Keyframe bool // it can be decoded without any earlier one

	ticks uint64 // exact duration on the leading track
}

// File is a scanned fragmented MP4.
type File struct {
	InitSize  int64 // bytes of ftyp and moov, for EXT-X-MAP
	Size      int64
	Duration  time.Duration // to the end of the longest track
	Tracks    []Track
	Fragments []Fragment

	timescale uint32 // of the leading track
}

// Progress is told now and then how many of total bytes are written. It may be nil.
type Progress func(done, total int64)

// ticksToTime converts without overflow for any duration below 292 years.
func ticksToTime(ticks uint64, timescale uint32) time.Duration {
	if timescale == 0 {
		return 0
	}
	ts := uint64(timescale)
	whole, rest := ticks/ts, ticks%ts
	if whole > maxSeconds {
		return maxSeconds * time.Second
	}
	return time.Duration(whole)*time.Second + time.Duration(rest*uint64(time.Second)/ts)
}

// maxSeconds bounds what a header may claim as a time: about 34 years.
const maxSeconds = 1 << 30
