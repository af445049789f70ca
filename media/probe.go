package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tubelet/tubelet/media/fmp4"
)

// Probe looks at the file at path: with ffprobe, or, where that is missing, by reading an
// MP4's own tables. A *RefusedError says that the file will never do; ErrNoFFmpeg that
// it may be fine, but only ffmpeg can tell.
func (m *Maker) Probe(ctx context.Context, path string) (Source, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Source{}, fmt.Errorf("probe: %w", err)
	}
	head, size, err := readHead(path)
	if err != nil {
		return Source{}, err
	}
	tables := make(chan *fmp4.Info, 1)
	go func() { tables <- readTables(path) }()
	var src Source
	if _, missing := m.tool(ffprobe); missing != nil {
		src, err = probeAlone(path, size, head, <-tables)
	} else {
		src, err = m.probe(ctx, path, size, <-tables)
	}
	if err != nil {
		return Source{}, err
	}
	if src.Duration > 0 {
		src.Bitrate = int64(float64(src.Bytes) * 8 / src.Duration.Seconds())
	}
	return src, src.refusal()
}

// probe is Probe with ffprobe at hand. info is nil for what is not a plain MP4.
func (m *Maker) probe(ctx context.Context, path string, size int64, info *fmp4.Info) (Source, error) {
	rep, err := m.ffprobe(ctx, path)
	if err != nil {
		return Source{}, refuseProbe(ctx, err)
	}
	src, err := rep.source(path, size)
	if err != nil || !src.HasVideo && !src.HasAudio {
		return src, err
	}
	// Of a fragmented file the tables cannot say that its end is missing, but its header may.
	whole := info != nil && !info.Truncated && (!info.Fragmented || src.Duration-info.Duration < time.Second)
	if whole && src.takeTables(info, rep.videoID()) {
		return src, nil
	}
	return src, m.measure(ctx, &src, info)
}

// measure fills in what only the packets tell, and refuses a file that ends before the
// length it declares.
func (m *Maker) measure(ctx context.Context, src *Source, info *fmp4.Info) error {
	declared := src.Duration
	if info != nil && info.Truncated {
		declared = info.Duration
	}
	p, err := m.packets(ctx, *src)
	switch {
	case errors.Is(err, errStalled):
		return refuseProbe(ctx, err)
	case err != nil:
		return err
	}
	if !p.complete {
		src.KeyframeGap, src.FrameGap = 0, 0
		return nil
	}
	// A length no file of ours may have is a lie, not a loss: such files play.
	early := declared - p.end
	if declared <= maxLength && early > max(time.Second, declared/20) || info != nil && info.Truncated {
		return &RefusedError{fmt.Sprintf("the file ends early: %.1f of %.0f s; copy or export it again",
			p.end.Seconds(), declared.Seconds())}
	}
	src.Duration = p.end
	if src.HasVideo {
		src.VideoLength, src.KeyframeGap, src.FrameGap = p.videoEnd, p.keyframeGap, p.frameGap
		if src.FPS <= 0 && p.videoEnd > 0 {
			src.FPS = float64(p.frames) / p.videoEnd.Seconds()
		}
		src.VFR = src.VFR || src.FPS > 0 && p.frameGap.Seconds() > 2.5/src.FPS
		src.takeRate(p.rate)
	}
	if src.CopyReason() == "" {
		src.OpenGOP, err = m.openGOP(ctx, *src, p.keys)
	}
	return err
}

// takeRate takes the measured rate of nearly all frames, unless ffprobe's, which does not
// suffer from the container's rounding, says about the same.
func (s *Source) takeRate(rate float64) {
	if rate <= 0 || s.Interlaced {
		return
	}
	s.VFR = false
	if math.Abs(s.FPS-rate) > 0.01*rate {
		s.FPS = nearest(rate).float()
		if math.Abs(s.FPS-rate) > 0.01*rate {
			s.FPS = rate
		}
	}
}

// refusal says what about s is beyond what is published.
func (s Source) refusal() error {
	refuse := func(format string, args ...any) error {
		return &RefusedError{fmt.Sprintf(format, args...)}
	}
	w, h := s.CodedWidth, s.CodedHeight
	switch {
	case !s.HasVideo && !s.HasAudio:
		return refuse("there is neither picture nor sound in it")
	case s.HasVideo && min(w, h, s.Width, s.Height) < minSide:
		return refuse("its picture is %d×%d pixels; the short side must have %d at least", w, h, minSide)
	case s.HasVideo && (max(w, h) > maxSide || w*h > maxPixels):
		return refuse("its picture is %d×%d pixels; %d on a side and %d million in all are the most",
			w, h, maxSide, maxPixels/1_000_000)
	case s.HasVideo && max(s.Width, s.Height) > 64*min(s.Width, s.Height):
		return refuse("its picture is shown at %d×%d, which no screen is", s.Width, s.Height)
	case s.Duration <= 0 || s.HasVideo && s.VideoLength <= 0:
		return refuse("there is nothing in it to play")
	case s.Duration > maxLength:
		return refuse("it is %.0f hours long; %.0f are the most", s.Duration.Hours(), maxLength.Hours())
	}
	return nil
}

// readHead returns the first bytes and the size of a file that is worth a look.
func readHead(path string) ([]byte, int64, error) {
	f, err := openRegular(path)
	if err != nil {
		if errors.Is(err, syscall.EISDIR) {
			return nil, 0, &RefusedError{"it is a folder"}
		}
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("probe: %w", err)
	}
	if info.Size() == 0 {
		return nil, 0, &RefusedError{"the file is empty"}
	}
	head := make([]byte, 64)
	n, err := f.ReadAt(head, 0)
	if n == 0 {
		return nil, 0, fmt.Errorf("probe: %w", err)
	}
	return head[:n], info.Size(), nil
}

// refuseProbe turns ffprobe's failure into a sentence for the file's owner.
func refuseProbe(ctx context.Context, err error) error {
	text := ""
	if failed, ok := errors.AsType[*runError](err); ok {
		text = failed.stderr
	}
	switch {
	case ctx.Err() != nil || errors.Is(err, ErrNoFFmpeg) || errors.Is(err, os.ErrPermission):
		return err
	case errors.Is(err, errStalled):
		return &RefusedError{"it takes too long to read"}
	case strings.Contains(text, "moov atom not found"):
		return &RefusedError{"the file was never finished: its index is missing; record or copy it again"}
	case strings.Contains(text, "max_streams"):
		return tooMany(maxTracks)
	}
	return &RefusedError{"it is not a video or sound file that can be read"}
}

// readTables returns what the sample tables of an MP4 say, nil when it is not one.
func readTables(path string) *fmp4.Info {
	f, err := openRegular(path) // a link to a pipe would block
	if err != nil {
		return nil
	}
	f.Close()
	info, err := fmp4.Probe(path)
	if err != nil {
		return nil
	}
	return info
}

// takeTables replaces what ffprobe guessed from the start of a file by what its sample
// tables say about the whole. It says whether they told about the shown track.
func (s *Source) takeTables(info *fmp4.Info, videoID uint32) bool {
	if info.Duration <= 0 {
		return false
	}
	known := !s.HasVideo
	for _, t := range info.Tracks {
		s.noteEdits(t)
		// What several pieces add up to is left to ffmpeg, which puts them together.
		if t.Kind == fmp4.Video && t.ID == videoID {
			s.Trimmed, s.Mirrored = t.Trimmed, t.Mirrored
			known = t.KeyframeGap > 0 && t.FPS > 0 && !t.Pieces && s.takeTrack(info, t)
		}
	}
	if known {
		s.Duration = info.Duration
	}
	return known
}

// takeTrack takes what the tables say about the timing of the shown track.
func (s *Source) takeTrack(info *fmp4.Info, t fmp4.TrackInfo) bool {
	s.VideoLength, s.KeyframeGap, s.FrameGap = t.Start+t.Duration-info.Start(), t.KeyframeGap, t.FrameGap
	s.VFR, s.OpenGOP = t.VFR, t.OpenGOP
	if s.FPS <= 0 || !t.VFR {
		s.FPS = t.FPS
	}
	return s.VideoLength > 0
}

// noteEdits marks the sound track that t is about when an edit list cuts it.
func (s *Source) noteEdits(t fmp4.TrackInfo) {
	for i := range s.Audio {
		if t.Kind == fmp4.Audio && s.Audio[i].id == t.ID {
			s.Audio[i].Trimmed = t.Trimmed
		}
	}
}

// probeAlone is Probe without ffprobe.
func probeAlone(path string, size int64, head []byte, info *fmp4.Info) (Source, error) {
	if info == nil {
		if container(head) {
			return Source{}, fmt.Errorf("probe: %w, and this file needs it", ErrNoFFmpeg)
		}
		return Source{}, &RefusedError{"it is not a video or sound file that can be read"}
	}
	if info.Truncated {
		return Source{}, &RefusedError{fmt.Sprintf("the file ends early, before its %.0f s; copy or export it again",
			info.Duration.Seconds())}
	}
	if tracks := slices.DeleteFunc(slices.Clone(info.Tracks), func(t fmp4.TrackInfo) bool {
		return t.Kind != fmp4.Video && t.Kind != fmp4.Audio
	}); len(tracks) > maxTracks {
		return Source{}, tooMany(maxTracks)
	}
	s := Source{Path: path, Bytes: size, Format: info.Format, Duration: info.Duration, Title: line(info.Title, 200)}
	for i, t := range info.Tracks {
		switch {
		case t.Encrypted:
			return Source{}, &RefusedError{"the file is copy-protected"}
		case t.Kind == fmp4.Video && !s.HasVideo:
			s.addTrack(i, t)
			s.takeTrack(info, t)
		case t.Kind == fmp4.Audio:
			s.HasAudio = true
			s.Audio = append(s.Audio, AudioTrack{Index: i, Codec: codecOf(t.Entry), Profile: audioProfile(t.Codec),
				Channels: t.Channels, SampleRate: t.SampleRate, Language: tagOf(t.Language),
				Start: t.Start - info.Start(), Trimmed: t.Trimmed})
		}
	}
	if s.HasAudio {
		s.AudioCodec, s.Channels = s.Audio[0].Codec, s.Audio[0].Channels
	}
	for _, c := range info.Chapters {
		s.Chapters = append(s.Chapters, Chapter{Start: c.Start, Title: line(c.Title, 200)})
	}
	return s, nil
}

// addTrack takes the shown track of an MP4 into s.
func (s *Source) addTrack(index int, t fmp4.TrackInfo) {
	s.HasVideo, s.VideoIndex, s.VideoCodec = true, index, codecOf(t.Entry)
	s.Profile, s.Level, s.PixFmt = h264Profile(t.Profile), t.Level, t.PixFmt
	s.CodedWidth, s.CodedHeight, s.Width, s.Height = t.Width, t.Height, t.DisplayWidth, t.DisplayHeight
	s.Rotation, s.Mirrored, s.Trimmed, s.Interlaced, s.HDR = t.Rotation, t.Mirrored, t.Trimmed, t.Interlaced, t.HDR
}

// codecOf returns ffmpeg's name for an MP4 sample entry.
func codecOf(entry string) string {
	switch entry {
	case "avc1", "avc3":
		return "h264"
	case "hvc1", "hev1":
		return "hevc"
	case "av01":
		return "av1"
	case "mp4a":
		return "aac"
	}
	return entry
}

// audioProfile names the AAC object type as ffmpeg does.
func audioProfile(codec string) string {
	if codec == "mp4a.40.2" {
		return "LC"
	}
	return codec
}

func h264Profile(idc int) string {
	switch idc {
	case 66:
		return "Baseline"
	case 77:
		return "Main"
	case 100:
		return "High"
	}
	return fmt.Sprintf("profile %d", idc)
}

// container says whether head starts one of the containers that ffmpeg would be asked about.
func container(head []byte) bool {
	for _, magic := range []string{"\x1aE\xdf\xa3", "RIFF", "OggS", "fLaC", "ID3", "FLV", "\xff\xfb", "\xff\xf3", "\xff\xf1",
		"FORM", "\x30\x26\xb2\x75", "\x00\x00\x01\xba", "G"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return magic != "G" || len(head) > 4 && head[1]&0x80 == 0 && head[3]&0x10 != 0
		}
	}
	return len(head) > 8 && string(head[4:8]) == "ftyp"
}
