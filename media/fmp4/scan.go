package fmp4

import (
	"fmt"
	"io"
	"math"
	"time"
)

// Scan lists what a fragmented MP4 of the given size holds. It reads headers only.
func Scan(r io.ReaderAt, size int64) (*File, error) {
	s := source{r: r, size: size}
	f := &File{Size: size}
	sc := scanner{source: s, file: f, budget: min(size, maxTotal), ends: map[*track]uint64{}}
	if err := s.walk(0, size, false, sc.box); err != nil {
		return nil, fmt.Errorf("scan fragments: %w", err)
	}
	if sc.movie == nil {
		return nil, fmt.Errorf("scan fragments: %w: no movie header", ErrFormat)
	}
	if len(f.Fragments) == 0 {
		return nil, fmt.Errorf("scan fragments: %w: no fragment", ErrFormat)
	}
	for t, end := range sc.ends {
		f.Duration = max(f.Duration, ticksToTime(end, t.Timescale))
	}
	return f, nil
}

// scanner is the state of one Scan.
type scanner struct {
	source
	file   *File
	movie  *movie
	lead   *track // the track whose clock counts: video, or audio when there is none
	budget int64
	ends   map[*track]uint64 // of each track, in its ticks
}

func (sc *scanner) box(b box) error {
	switch b.kind {
	case "moov":
		if sc.movie != nil {
			return fmt.Errorf("%w: two movie headers", ErrFormat)
		}
		return sc.readInit(b)
	case "moof":
		if sc.movie == nil {
			return fmt.Errorf("%w: a fragment comes before the movie header", ErrFormat)
		}
		return sc.fragment(b)
	}
	// What lies between two moofs belongs to the first of them.
	if n := len(sc.file.Fragments); n > 0 {
		last := &sc.file.Fragments[n-1]
		if b.kind == "mdat" {
			last.Size = b.end - last.Offset
		}
	}
	return nil
}

func (sc *scanner) readInit(moov box) error {
	m, err := sc.readMovie(moov)
	if err != nil {
		return err
	}
	sc.movie, sc.file.InitSize = m, moov.end
	for _, t := range m.tracks {
		sc.file.Tracks = append(sc.file.Tracks, t.Track)
		if t.Kind == Video && (sc.lead == nil || sc.lead.Kind != Video) || t.Kind == Audio && sc.lead == nil {
			sc.lead = t
		}
	}
	if sc.lead == nil {
		return fmt.Errorf("%w: neither video nor audio", ErrFormat)
	}
	sc.file.timescale = sc.lead.Timescale
	return nil
}

func (sc *scanner) fragment(moof box) error {
	runs, err := sc.readMoof(sc.movie, moof, &sc.budget)
	if err != nil {
		return err
	}
	f := Fragment{Offset: moof.start, Size: moof.end - moof.start}
	led := false
	for _, r := range runs {
		if !r.dated {
			r.dts = sc.ends[r.track]
		}
		sc.ends[r.track] = max(sc.ends[r.track], r.dts+r.ticks)
		if r.track != sc.lead {
			continue
		}
		if !led {
			f.Start = ticksToTime(r.dts, sc.lead.Timescale)
			f.Keyframe = len(r.samples) > 0 && r.samples[0].key
		}
		led = true
		f.ticks += r.ticks
	}
	f.Duration = ticksToTime(f.ticks, sc.lead.Timescale)
	if n := len(sc.file.Fragments); !led && n > 0 {
		// A moof of other tracks alone belongs to the fragment before it.
		sc.file.Fragments[n-1].Size = moof.end - sc.file.Fragments[n-1].Offset
		return nil
	}
	sc.file.Fragments = append(sc.file.Fragments, f)
	return nil
}

// Codecs returns the value of the CODECS attribute, "avc1.64001f,mp4a.40.2".
func (f *File) Codecs() string {
	var s string
	for _, kind := range []Kind{Video, Audio} {
		for _, t := range f.Tracks {
			if t.Kind != kind || t.Codec == "" {
				continue
			}
			if s != "" {
				s += ","
			}
			s += t.Codec
			break // one of a kind: the same codec twice would say nothing more
		}
	}
	return s
}

// Bandwidth returns the peak bits per second of any segment of the playlist and the
// average over the whole, for BANDWIDTH and AVERAGE-BANDWIDTH (RFC 8216, 4.3.4.2).
func (f *File) Bandwidth() (peak, average int) {
	var bytes int64
	var length time.Duration
	for _, s := range f.segments() {
		peak = max(peak, rate(s.size, s.length(f.timescale)))
		bytes += s.size
		length += s.length(f.timescale)
	}
	return peak, rate(bytes, length)
}

// rate rounds up, since BANDWIDTH is an upper bound.
func rate(bytes int64, length time.Duration) int {
	if length <= 0 {
		return 0
	}
	return int(min(math.Ceil(float64(bytes)*8/length.Seconds()), math.MaxInt32))
}
