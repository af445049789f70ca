package media

import (
	"fmt"
	"slices"
	"time"
)

// Source is what a probe learnt about a file.
type Source struct {
	Path     string // absolute
	Format   string // ffmpeg's name of the container, "mov,mp4,..." or "matroska,webm"
	Bytes    int64
	Duration time.Duration // of the longest of picture and sound, by their packets
	Bitrate  int64         // bits per second over all streams
	Title    string        // from the container, empty when it has none

	HasVideo    bool
	VideoIndex  int // ffmpeg's index of the stream that is shown
	VideoCodec  string
	Profile     string // of the video, "High"
	Level       int    // of H.264: 31 is 3.1
	PixFmt      string
	Width       int     // as displayed: after rotation and with square pixels
	Height      int     //
	CodedWidth  int     // as stored
	CodedHeight int     //
	Rotation    int     // clockwise degrees, 0 90 180 270
	Mirrored    bool    // a mark in the file flips the picture
	FPS         float64 // average; of constant-rate video the rate
	VFR         bool    // frames come at varying distances
	Interlaced  bool
	HDR         bool          // PQ or HLG
	Matrix      string        // ffmpeg's name of the colour matrix, empty when unknown
	Primaries   string        // likewise
	VideoLength time.Duration // of the video stream alone
	KeyframeGap time.Duration // longest distance of two keyframes, 0 when not measured
	OpenGOP     bool          // keyframes need pictures before them
	FrameGap    time.Duration // longest distance of two frames, 0 when not measured
	Trimmed     bool          // an edit list hides part of the stream

	HasAudio   bool
	AudioCodec string // of the first track
	Channels   int    // of the first track
	Audio      []AudioTrack

	Subtitles []Subtitle // only those that are text
	Chapters  []Chapter
	CoverArt  bool // a still picture rides along
	CoverAt   int  // ffmpeg's index of that stream
}

// AudioTrack is one sound track of a source.
type AudioTrack struct {
	Index      int // ffmpeg's stream index
	Codec      string
	Profile    string
	Channels   int
	SampleRate int
	BitRate    int           // bits per second, 0 when unknown
	Start      time.Duration // of the first packet in the file
	Language   string        // BCP 47, empty when unknown
	Title      string
	Trimmed    bool // an edit list hides part of it

	id uint32 // MP4's own number of the track
}

// Subtitle is one text track of a source.
type Subtitle struct {
	Index    int // ffmpeg's stream index
	Codec    string
	Language string // BCP 47, empty when unknown
	Title    string
	Forced   bool
}

// Chapter is one named point of a source.
type Chapter struct {
	Start time.Duration
	Title string
}

// Limits of what is worth reading at all.
const (
	minSide    = 16
	maxSide    = 8192
	maxPixels  = 8192 * 4320
	maxStreams = 32 // of any kind: a film has subtitles, and brings its fonts
	maxTracks  = 8  // with picture or sound: a recording program writes seven
	maxLength  = 24 * time.Hour
)

// maxKeyframeGap is the longest GOP that still seeks and switches decently.
const maxKeyframeGap = 10 * time.Second

// short returns the length of the displayed picture's short side.
func (s Source) short() int { return min(s.Width, s.Height) }

// CopyReason says why s cannot become a rendition by stream copy, and "" when it can.
// Browsers are the measure: what one of them may not play is encoded.
func (s Source) CopyReason() string {
	switch {
	case !s.HasVideo:
		return "it has no picture"
	case s.VideoCodec != "h264":
		return fmt.Sprintf("its video is %s, not H.264", s.VideoCodec)
	case s.PixFmt != "yuv420p" && s.PixFmt != "yuvj420p":
		return fmt.Sprintf("its pixels are %s, not 8-bit 4:2:0", s.PixFmt)
	case !slices.Contains([]string{"Baseline", "Constrained Baseline", "Main", "High", ""}, s.Profile):
		return fmt.Sprintf("its H.264 profile is %s", s.Profile)
	case s.Level > 52:
		return fmt.Sprintf("its H.264 level is %d.%d", s.Level/10, s.Level%10)
	case s.Interlaced:
		return "it is interlaced"
	case s.HDR:
		return "it is HDR"
	}
	return s.shapeReason()
}

// shapeReason is the part of CopyReason about picture size and timing.
func (s Source) shapeReason() string {
	switch {
	// Plain players turn such a picture. But HLS on iOS shows it lying down, and Firefox goes
	// on as the first rendition began when the next is upright.
	case s.Rotation != 0:
		return "it is rotated by a mark in the file"
	case s.Mirrored:
		return "it is mirrored by a mark in the file"
	case s.Width%2 != 0 || s.Height%2 != 0:
		return "its picture has an odd number of pixels on a side"
	case s.Width != s.CodedWidth || s.Height != s.CodedHeight:
		return "its pixels are not square"
	case s.Trimmed:
		return "parts of it are hidden by an edit list"
	case s.FPS > 60.5:
		return fmt.Sprintf("it has %.0f frames a second", s.FPS)
	case s.KeyframeGap == 0:
		return "its keyframes could not be measured"
	case s.OpenGOP:
		return "its keyframes lean on pictures before them"
	case s.KeyframeGap > maxKeyframeGap:
		return fmt.Sprintf("its keyframes are up to %.0f s apart", s.KeyframeGap.Seconds())
	case s.Bitrate > s.copyRate():
		return fmt.Sprintf("its %d Mbit/s are more than viewers can stream", s.Bitrate/1e6)
	}
	return ""
}

// copyRate is the highest bit rate that is served as it is: what cameras write, but not
// what editors exchange. 0.6 bits a pixel is twice a phone's rate.
func (s Source) copyRate() int64 {
	bits := 0.6 * float64(s.Width) * float64(s.Height) * max(s.FPS, 24)
	return int64(min(max(bits, 8e6), 60e6))
}

// copyAudio says whether track t may be copied: AAC-LC, mono or stereo.
func (t AudioTrack) copyAudio() bool {
	return t.Codec == "aac" && (t.Profile == "LC" || t.Profile == "") && t.Channels <= 2
}
