package fmp4

import (
	"fmt"
	"math"
	"os"
	"time"
)

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
	Duration      time.Duration // as presented: by its samples and its edit list
	Start         time.Duration // of its first sample on the movie's clock
	Samples       int64
	Bytes         int64
	DisplayWidth  int // after pixel aspect ratio and rotation
	DisplayHeight int
	Rotation      int  // clockwise degrees a player must turn the picture
	Mirrored      bool // and flip it
	FPS           float64
	VFR           bool
	KeyframeGap   time.Duration // longest distance from a keyframe to the next, or to the end
	Profile       int           // of H.264: 66, 77, 100 ...
	Level         int           // of H.264: 31 is 3.1
	PixFmt        string        // "yuv420p" when known
	Interlaced    bool          // the stream may hold fields
	HDR           bool          // PQ or HLG
	OpenGOP       bool          // keyframes of H.264 that need pictures before them
	Encrypted     bool
	FrameGap      time.Duration // longest time that one frame stands
	Trimmed       bool          // an edit list cuts its start, its end or a piece out of it
	Pieces        bool          // an edit list shows several pieces: Duration is of all samples
	Copyable      bool          // Remux can take it
}

// Probe reads what the headers and sample tables of the MP4 or MOV at path say. It
// decodes nothing: a file it likes may still hold broken pictures.
func Probe(path string) (*Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	info, err := probe(source{r: f, size: stat.Size()})
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return info, nil
}

func probe(s source) (*Info, error) {
	in, err := newInput(s)
	if err != nil {
		return nil, err
	}
	info := &Info{Format: s.brand(), Fragmented: in.fragmented, Bytes: s.size, Title: s.title(in.movie.moov)}
	lists := map[uint32]bool{}
	for _, t := range in.movie.tracks {
		if t.chapterTrack != 0 {
			lists[t.chapterTrack] = true
		}
	}
	for _, t := range in.movie.tracks {
		if lists[t.ID] {
			continue // a chapter list looks like subtitles and is none
		}
		one, truncated, err := in.probeTrack(t)
		if err != nil {
			return nil, fmt.Errorf("track %d: %w", t.ID, err)
		}
		info.Tracks = append(info.Tracks, one)
		info.Truncated = info.Truncated || truncated
		if t.Kind == Video || t.Kind == Audio {
			info.Duration = max(info.Duration, one.Start+one.Duration)
		}
	}
	info.Duration -= info.Start()
	info.Chapters = in.chapters()
	return info, nil
}

// Start is when the earliest track begins, which is the zero of whoever plays the file.
func (i *Info) Start() time.Duration {
	start := time.Duration(math.MaxInt64)
	for _, t := range i.Tracks {
		if t.Kind == Video || t.Kind == Audio {
			start = min(start, t.Start)
		}
	}
	if start == math.MaxInt64 {
		return 0
	}
	return start
}

// brand tells QuickTime from MP4 by the first box.
func (s source) brand() string {
	b, err := s.header(0, s.size)
	if err != nil || b.kind != "ftyp" {
		return "mov" // files from before ftyp
	}
	if p, err := s.payload(b, maxSmall); err == nil && len(p) >= 4 && string(p[:4]) != "qt  " {
		return "mp4"
	}
	return "mov"
}

func (in *input) probeTrack(t *track) (TrackInfo, bool, error) {
	one := TrackInfo{Track: t.Track, Rotation: t.rotation, Mirrored: t.mirrored, Encrypted: t.entry.encrypted}
	if t.Kind != Video && t.Kind != Audio {
		one.Duration = ticksToTime(t.mediaTicks, t.Timescale)
		return one, false, nil
	}
	_, media, simple := t.presentation()
	one.Pieces = t.pieces() > 1
	one.Trimmed = !simple
	one.Copyable = t.copyable() == nil && simple
	if t.Kind == Video {
		one.describePicture(t)
	}
	w := walkStats{deltas: map[uint32]int64{}, size: in.size, first: math.MaxInt64}
	var err error
	if in.constantSize(t) {
		err = in.sumTable(t, &w)
	} else {
		err = in.walkSamples(t, &w)
	}
	if err != nil {
		return one, false, err
	}
	one.Samples, one.Bytes = w.count, w.bytes
	one.Start, one.Duration = t.shown(&w)
	if t.Kind == Video {
		one.FrameGap = ticksToTime(w.longest, t.Timescale)
		one.KeyframeGap = ticksToTime(max(w.gap, w.ticks-w.lastKey), t.Timescale)
		one.FPS, one.VFR = w.frameRate(t.Timescale)
		one.OpenGOP, one.Copyable = w.open, one.Copyable && !w.open
		if media > w.firstCTO+int64(w.firstDur) && len(t.edits) > 0 {
			one.Trimmed, one.Copyable = true, false
		}
	}
	return one, w.truncated, nil
}

// shown says when a track with the samples of w begins and how long it lasts, with what
// its edit list hides left out.
func (t *track) shown(w *walkStats) (start, length time.Duration) {
	if w.end <= w.first {
		return 0, ticksToTime(w.ticks, t.Timescale)
	}
	delay, media, _ := t.presentation()
	from, to := w.first, w.end
	if t.pieces() == 1 {
		from = max(w.first, media)
		if e := t.edits[len(t.edits)-1]; e.length > 0 && e.media == media {
			length := float64(e.length) / float64(t.movieScale) * float64(t.Timescale)
			to = min(w.end, media+int64(min(length+0.5, math.MaxInt64/4)))
		}
		start = ticksToTime(uint64(max(0, from-media)), t.Timescale) + ticksToTime(delay, t.movieScale)
	} else {
		start = ticksToTime(uint64(max(0, from)), t.Timescale)
	}
	return start, ticksToTime(uint64(max(0, to-from)), t.Timescale)
}

// pieces counts the pieces of media that the edit list shows; 0 when there is no list.
func (t *track) pieces() (n int) {
	for _, e := range t.edits {
		if e.media >= 0 {
			n++
		}
	}
	return n
}

// describePicture fills in what codec configuration and track header say.
func (one *TrackInfo) describePicture(t *track) {
	w, h := float64(t.Width), float64(t.Height)
	if p := (fields{b: t.entry.pasp}); len(p.b) == 8 {
		if across, down := p.u32(), p.u32(); across > 0 && down > 0 && across < 1<<16 && down < 1<<16 {
			w = w * float64(across) / float64(down)
		}
	}
	if t.rotation%180 != 0 {
		w, h = h, w
	}
	one.DisplayWidth, one.DisplayHeight = int(w+0.5), int(h+0.5)
	var transfer int
	if t.entry.configBox == "avcC" && len(t.entry.config) >= 4 {
		one.Profile, one.Level = int(t.entry.config[1]), int(t.entry.config[3])
		if p, ok := t.entry.h264Picture(); ok {
			one.PixFmt, one.Interlaced, transfer = p.pixFmt, p.interlaced, p.transfer
		}
	}
	if c := t.entry.colr; len(c) >= 10 && (string(c[:4]) == "nclx" || string(c[:4]) == "nclc") {
		transfer = int(c[6])<<8 | int(c[7])
	}
	one.HDR = transfer == 16 || transfer == 18 // PQ and HLG (ISO/IEC 23091-2)
}

// walkStats gathers what a pass over all samples tells.
type walkStats struct {
	size         int64
	count, bytes int64
	ticks        uint64
	lastKey, gap uint64
	first, end   int64  // presentation times, before the edit list
	longest      uint64 // distance of two samples
	firstCTO     int64
	firstDur     uint32
	deltas       map[uint32]int64
	truncated    bool
	looked       int  // keyframes whose beginning was read
	open         bool // one of them is not what its mark says
}

// maxLooks is how many keyframes are looked at: encoders make them all alike.
const maxLooks = 32

// look reads the beginning of a keyframe of H.264.
func (w *walkStats) look(t *track, s sample) {
	if t.entry.configBox != "avcC" || len(t.entry.config) < 7 || w.looked == maxLooks || w.open {
		return
	}
	w.looked++
	p := make([]byte, min(s.size, 4<<10))
	if n, _ := s.from.ReadAt(p, s.offset); n == len(p) {
		kind := firstSlice(p, t.entry.nalSize())
		w.open = kind > 0 && kind != nalIDR
	}
}

// maxDeltas bounds the map of frame lengths; more than that many is variable in any case.
const maxDeltas = 4096

func (in *input) walkSamples(t *track, w *walkStats) error {
	var last uint64
	for s, err := range in.samples(t) {
		if err != nil {
			return err
		}
		at := int64(min(s.dts, math.MaxInt64/4)) + int64(s.cto)
		w.first, w.end = min(w.first, at), max(w.end, at+int64(s.dur))
		w.longest = max(w.longest, uint64(s.dur))
		if w.count > 0 && s.dts > last { // fragments may leave a gap between them
			w.longest = max(w.longest, s.dts-last)
		}
		last = s.dts
		if w.count == 0 {
			w.firstCTO, w.firstDur = int64(s.cto), s.dur
		}
		if s.key {
			w.gap, w.lastKey = max(w.gap, w.ticks-w.lastKey), w.ticks
			w.look(t, s)
		}
		w.count++
		w.bytes += int64(s.size)
		w.ticks += uint64(s.dur)
		if len(w.deltas) < maxDeltas {
			w.deltas[s.dur]++
		}
		w.truncated = w.truncated || s.offset+int64(s.size) > w.size
	}
	return nil
}

// constantSize tells sound without frames, as PCM, whose samples are too many to walk.
func (in *input) constantSize(t *track) bool {
	z, err := in.openSizes(t)
	return err == nil && !in.fragmented && z.each != 0
}

func (in *input) sumTable(t *track, w *walkStats) error {
	z, err := in.openSizes(t)
	if err != nil {
		return err
	}
	times, err := in.open(t.tables["stts"], 4, 8)
	if err != nil {
		return err
	}
	w.count, w.bytes = z.count, z.count*int64(z.each)
	for {
		f, ok, err := times.next()
		if err != nil || !ok {
			return err
		}
		n, delta := f.u32(), f.u32()
		w.ticks += uint64(n) * uint64(delta)
		w.first, w.end = 0, int64(min(w.ticks, math.MaxInt64/4))
	}
}

// frameRate is how many frames of the usual length fit into a second, and whether frames
// differ by more than a tenth of it, as timer jitter does not. A few long gaps, as cameras
// leave, do not change the rate of all the others.
func (w *walkStats) frameRate(timescale uint32) (fps float64, vfr bool) {
	if w.ticks == 0 || w.count == 0 {
		return 0, false
	}
	var usual uint32
	var most, odd int64
	for delta, n := range w.deltas {
		if n > most || n == most && delta < usual {
			usual, most = delta, n
		}
	}
	var near, ticks float64
	for delta, n := range w.deltas {
		if math.Abs(float64(delta)-float64(usual)) > float64(usual)/10+1 {
			odd += n
		} else {
			near, ticks = near+float64(n), ticks+float64(n)*float64(delta)
		}
	}
	// One odd frame is the last of the file.
	if odd > 1+w.count/100 || len(w.deltas) == maxDeltas || ticks == 0 {
		return float64(w.count) * float64(timescale) / float64(w.ticks), true
	}
	return near * float64(timescale) / ticks, false
}
