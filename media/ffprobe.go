package media

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"
)

// report is the part of ffprobe's JSON that matters here.
type report struct {
	Format struct {
		Name     string            `json:"format_name"`
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
	Streams  []stream `json:"streams"`
	Chapters []struct {
		Start string            `json:"start_time"`
		Tags  map[string]string `json:"tags"`
	} `json:"chapters"`
}

type stream struct {
	Index       int               `json:"index"`
	ID          string            `json:"id"`
	Type        string            `json:"codec_type"`
	Codec       string            `json:"codec_name"`
	Tag         string            `json:"codec_tag_string"`
	Profile     string            `json:"profile"`
	Level       int               `json:"level"`
	Width       int               `json:"width"`
	Height      int               `json:"height"`
	Aspect      string            `json:"sample_aspect_ratio"`
	PixFmt      string            `json:"pix_fmt"`
	Transfer    string            `json:"color_transfer"`
	Matrix      string            `json:"color_space"`
	Primaries   string            `json:"color_primaries"`
	FieldOrder  string            `json:"field_order"`
	RealRate    string            `json:"r_frame_rate"`
	AverageRate string            `json:"avg_frame_rate"`
	Duration    string            `json:"duration"`
	Start       string            `json:"start_time"`
	BitRate     string            `json:"bit_rate"`
	Channels    int               `json:"channels"`
	SampleRate  string            `json:"sample_rate"`
	Disposition map[string]int    `json:"disposition"`
	Tags        map[string]string `json:"tags"`
	SideData    []struct {
		Type      string `json:"side_data_type"`
		Rotation  int    `json:"rotation"`
		DVProfile int    `json:"dv_profile"`
		DVCompat  int    `json:"dv_bl_signal_compatibility_id"`
	} `json:"side_data_list"`
}

// textCodecs are the subtitle codecs that hold text; the others are pictures of text.
var textCodecs = []string{"subrip", "ass", "ssa", "mov_text", "webvtt", "text"}

// lookTime is the processor time in which a file must show what it is.
const lookTime = 45 * time.Second

// ffprobe reads headers and the first packets of the file at path.
func (m *Maker) ffprobe(ctx context.Context, path string) (report, error) {
	var rep report
	out := &boundedWriter{limit: 8 << 20}
	err := m.run(ctx, job{tool: ffprobe, input: path, urgent: true, stdout: out, cpu: lookTime,
		global: []string{"-of", "json", "-show_format", "-show_streams", "-show_chapters"}})
	if err != nil {
		return rep, err
	}
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		return rep, fmt.Errorf("read ffprobe's answer: %w", err)
	}
	return rep, nil
}

// source turns the report into a Source, as far as headers tell.
func (rep report) source(path string, bytes int64) (Source, error) {
	s := Source{Path: path, Bytes: bytes, Format: rep.Format.Name,
		Duration: seconds(rep.Format.Duration), Title: title(rep.Format.Tags)}
	tracks := 0
	for _, st := range rep.Streams {
		if (st.Type == "video" || st.Type == "audio") && st.Disposition["attached_pic"] != 1 {
			tracks++
		}
		if err := s.add(st); err != nil {
			return s, err
		}
	}
	if tracks > maxTracks {
		return s, tooMany(maxTracks)
	}
	if len(s.Audio) > 0 {
		s.HasAudio = true
		s.AudioCodec, s.Channels = s.Audio[0].Codec, s.Audio[0].Channels
	}
	for _, c := range rep.Chapters[:min(len(rep.Chapters), 500)] {
		if name := title(c.Tags); name != "" {
			s.Chapters = append(s.Chapters, Chapter{Start: max(0, seconds(c.Start)), Title: name})
		}
	}
	return s, nil
}

// videoID returns the MP4 track number of the stream that will be shown.
func (rep report) videoID() uint32 {
	for _, st := range rep.Streams {
		if st.Type == "video" && st.Disposition["attached_pic"] != 1 {
			id, _ := strconv.ParseUint(st.ID, 0, 32)
			return uint32(id)
		}
	}
	return 0
}

// tooMany refuses a file with more than n tracks. Each costs a decoder wherever the file is
// opened, and what has more than a handful is no finished programme but its parts.
func tooMany(n int) error {
	return &RefusedError{fmt.Sprintf("it has more than %d tracks; export it with one picture and the sound to be heard", n)}
}

// add takes one stream into s. Only the first picture counts.
func (s *Source) add(st stream) error {
	switch {
	case slices.Contains([]string{"encv", "enca", "drmi", "drms"}, st.Tag):
		return &RefusedError{"the file is copy-protected"}
	case st.Type == "video" && st.Disposition["attached_pic"] == 1:
		if !s.CoverArt {
			s.CoverArt, s.CoverAt = true, st.Index
		}
	case st.Type == "video" && !s.HasVideo:
		return s.addVideo(st)
	case st.Type == "audio" && st.Codec != "" && st.Channels > 0:
		rate, _ := strconv.Atoi(st.SampleRate)
		bits, _ := strconv.Atoi(st.BitRate)
		start, _ := signed(st.Start)
		id, _ := strconv.ParseUint(st.ID, 0, 32)
		s.Audio = append(s.Audio, AudioTrack{Index: st.Index, Codec: st.Codec, Profile: st.Profile,
			Channels: st.Channels, SampleRate: rate, BitRate: bits, Start: start, Language: bcp47(st.Tags), Title: title(st.Tags), id: uint32(id)})
	case st.Type == "subtitle" && len(s.Subtitles) < 8 && slices.Contains(textCodecs, st.Codec):
		s.Subtitles = append(s.Subtitles, Subtitle{Index: st.Index, Codec: st.Codec,
			Language: bcp47(st.Tags), Title: title(st.Tags), Forced: st.Disposition["forced"] == 1})
	}
	return nil
}

// addVideo takes the stream that will be shown into s.
func (s *Source) addVideo(st stream) error {
	if st.Codec == "" || st.Codec == "unknown" {
		return &RefusedError{"its video is in a format that ffmpeg does not know"}
	}
	s.HasVideo, s.VideoIndex, s.VideoCodec = true, st.Index, st.Codec
	s.Profile, s.Level, s.PixFmt = st.Profile, st.Level, st.PixFmt
	s.CodedWidth, s.CodedHeight = st.Width, st.Height
	s.HDR = st.Transfer == "smpte2084" || st.Transfer == "arib-std-b67"
	for _, c := range []struct {
		to   *string
		said string
	}{{&s.Matrix, st.Matrix}, {&s.Primaries, st.Primaries}} {
		if !slices.Contains([]string{"unknown", "unspecified", "reserved"}, c.said) {
			*c.to = c.said
		}
	}
	s.Interlaced = slices.Contains([]string{"tt", "bb", "tb", "bt"}, st.FieldOrder)
	s.VideoLength = max(seconds(st.Duration), clock(st.Tags["DURATION"]))
	for _, d := range st.SideData {
		if d.Type == "Display Matrix" {
			s.Rotation = ((-d.Rotation % 360) + 360) % 360 / 90 * 90
		}
		if d.DVProfile == 5 || d.DVProfile > 0 && d.DVCompat == 0 && d.DVProfile != 7 {
			return &RefusedError{"it is Dolby Vision without a picture for ordinary screens; export it as HDR10 or SDR"}
		}
	}
	s.Width, s.Height = displaySize(st.Width, st.Height, st.Aspect, s.Rotation)
	s.setRate(fraction(st.AverageRate), fraction(st.RealRate))
	return nil
}

// setRate decides the frame rate from ffmpeg's two: the average, and the lowest one in
// which every timestamp of the start of the file can be written.
func (s *Source) setRate(average, real float64) {
	if average <= 0 {
		average = real
	}
	s.FPS = average
	if s.Interlaced || average <= 0 || real <= 0 {
		return
	}
	s.VFR = math.Abs(real-average) > 0.01*average
	if s.VFR && real <= 60.5 && real > average && real < 4*average {
		s.FPS = real
	}
}

// displaySize returns the size in square pixels after rotation. Pixels are only ever
// stretched, so that no detail is lost.
func displaySize(w, h int, aspect string, rotation int) (int, int) {
	a, b, _ := strings.Cut(aspect, ":")
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	if x > 0 && y > 0 && x != y && x/y < 8 && y/x < 8 {
		if x > y {
			w = int(math.Round(float64(w) * x / y))
		} else {
			h = int(math.Round(float64(h) * y / x))
		}
	}
	if rotation == 90 || rotation == 270 {
		return h, w
	}
	return w, h
}

// fraction reads "30000/1001"; what makes no sense is 0.
func fraction(s string) float64 {
	a, b, _ := strings.Cut(s, "/")
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	if x <= 0 || y <= 0 || x/y > 100_000 {
		return 0
	}
	return x / y
}

// seconds reads "12.345"; what makes no sense is 0.
func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1e9 {
		return 0
	}
	return time.Duration(f * float64(time.Second))
}

// clock reads Matroska's "00:01:02.5"; what makes no sense is 0.
func clock(s string) time.Duration {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0
	}
	h, _ := strconv.Atoi(parts[0])
	m, _ := strconv.Atoi(parts[1])
	if h < 0 || h > 1000 || m < 0 || m > 59 {
		return 0
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + seconds(parts[2])
}

// title returns a tag map's title as one clean line of at most 200 characters.
func title(tags map[string]string) string {
	for key, value := range tags {
		if strings.EqualFold(key, "title") {
			return line(value, 200)
		}
	}
	return ""
}

// line makes s one line without control characters and cuts it after n characters.
func line(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	runes := []rune(strings.Join(strings.Fields(s), " "))
	return string(runes[:min(n, len(runes))])
}

// bcp47 turns a container's language, ISO 639-2 as a rule, into BCP 47; "" when unknown.
func bcp47(tags map[string]string) string {
	for key, value := range tags {
		if strings.EqualFold(key, "language") {
			return tagOf(value)
		}
	}
	return ""
}

// tagOf returns the BCP 47 form of a language code, "" when it says nothing.
func tagOf(code string) string {
	tag, err := language.Parse(code)
	if err != nil || tag == language.Und {
		return ""
	}
	return tag.String()
}
