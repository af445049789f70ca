// Package fmp4 reads and writes fragmented MP4 (ISO/IEC 14496-12): it lists the
// fragments of a rendition, writes its byte-range playlist (RFC 8216), joins video
// chunks with one audio file, and turns a plain MP4 into the same layout without ffmpeg.
//
// Every file it writes looks like this, one fragment for each closed GOP:
//
//	ftyp moov sidx | moof mdat | moof mdat | ...
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

// ErrUnsupported is wrapped when a file is sound but needs ffmpeg.
var ErrUnsupported = errors.New("not possible without ffmpeg")

// Kind says what a track carries.
type Kind string

// The kinds of track.
const (
	Video Kind = "video"
	Audio Kind = "audio"
	Text  Kind = "text"
	Other Kind = "other"
)

// Track is what the init segment says about one track.
type Track struct {
	ID         uint32
	Kind       Kind
	Codec      string // RFC 6381, "avc1.64001f" or "mp4a.40.2"
	Timescale  uint32 // ticks per second
	Width      int    // of the coded picture
	Height     int
	Channels   int
	SampleRate int
}

// Fragment is one moof with the mdat that follows it.
type Fragment struct {
	Offset   int64
	Size     int64
	Start    time.Duration // of the video track, or of the audio when there is none
	Duration time.Duration
	Keyframe bool // it can be decoded without any earlier one

	start, ticks uint64 // exact, in ticks of the leading track
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

// Progress is told how many of total bytes are written.
type Progress func(done, total int64)
