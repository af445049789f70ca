package fmp4

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// Scan walks a fragmented MP4 of the given size, reading headers only.
func Scan(r io.ReaderAt, size int64) (*File, error) { return nil, errors.ErrUnsupported }

// Playlist returns the byte-range media playlist of f, a file found at uri.
func Playlist(f *File, uri string) []byte { return nil }

// Bandwidth returns the peak bits per second over the playlist's segments and the average over all.
func (f *File) Bandwidth() (peak, average int) { return 0, 0 }

// Codecs returns the value of the CODECS attribute, "avc1.64001f,mp4a.40.2".
func (f *File) Codecs() string { return "" }

// Join writes one muxed rendition to w: the named video chunks one after another, with
// the named audio file, "" for none. Without video the audio makes an audio rendition.
func Join(ctx context.Context, w io.Writer, video []string, audio string, report Progress) error {
	return errors.ErrUnsupported
}

// Remux writes the H.264 and AAC of the plain MP4 at path to w in a rendition's layout.
func Remux(ctx context.Context, path string, w io.Writer, report Progress) error {
	return errors.ErrUnsupported
}

// Probe reads what the sample tables of the MP4 at path say.
func Probe(path string) (*Info, error) { return nil, errors.ErrUnsupported }

// Info is what a probe found.
type Info struct {
	Format     string // "mp4" or "mov"
	Fragmented bool
	Bytes      int64
	Duration   time.Duration // of the longest track, by its samples
	Title      string
	Truncated  bool // samples lie beyond the end of the file
	Tracks     []TrackInfo
	Chapters   []Chapter
}

// Chapter is one entry of the file's chapter list.
type Chapter struct {
	Start time.Duration
	Title string
}

// TrackInfo is what a probe found about one track.
type TrackInfo struct {
	Track
	Entry         string // sample entry, "avc1", "hvc1", "mp4a"
	Language      string // ISO 639-2, empty when undetermined
	Duration      time.Duration
	Samples       int64
	Bytes         int64
	DisplayWidth  int // after pixel aspect ratio and rotation
	DisplayHeight int
	Rotation      int // clockwise degrees a player must turn the picture
	FPS           float64
	VFR           bool
	KeyframeGap   time.Duration // longest distance of two keyframes
	Profile       int           // of H.264: 66, 77, 100 ...
	Level         int           // of H.264: 31 is 3.1
	PixFmt        string        // "yuv420p" when known
	Interlaced    bool          // the stream may hold fields
	HDR           bool
	Encrypted     bool
	Trimmed       bool // an edit list starts inside the media or cuts it in pieces
}

var _ = os.Open
