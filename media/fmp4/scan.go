package fmp4

import (
	"bytes"
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

// Segments aim at one fragment for the first two, so that a crowd's start costs half,
// and two fragments after that, on the two-second grid of our renditions. On another
// grid, as a copied source may have, they come as near to that as its keyframes allow.
const (
	shortSegment = 1500 * time.Millisecond
	longSegment  = 3500 * time.Millisecond
	shortCount   = 2
)

// segment is one entry of the playlist: whole fragments that lie next to each other.
type segment struct {
	offset, size int64
	ticks        uint64
	keyframe     bool
}

func (s segment) length(timescale uint32) time.Duration { return ticksToTime(s.ticks, timescale) }

// segments groups the fragments. A segment begins with a keyframe where there is one.
func (f *File) segments() []segment {
	var list []segment
	for _, fr := range f.Fragments {
		n := len(list)
		aim := longSegment
		if n <= shortCount {
			aim = shortSegment
		}
		if n > 0 && (list[n-1].length(f.timescale) < aim || fr.ticks == 0) {
			list[n-1].size = fr.Offset + fr.Size - list[n-1].offset
			list[n-1].ticks += fr.ticks
			continue
		}
		list = append(list, segment{offset: fr.Offset, size: fr.Size, ticks: fr.ticks, keyframe: fr.Keyframe})
	}
	return list
}

// Playlist returns the byte-range media playlist of f (RFC 8216, 4.3), for a file found
// at uri relative to the playlist.
func Playlist(f *File, uri string) []byte {
	segments := f.segments()
	independent := true
	var longest time.Duration
	for _, s := range segments {
		longest = max(longest, s.length(f.timescale))
		independent = independent && s.keyframe
	}
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n")
	// Durations count rounded to the nearest second here (4.3.3.1).
	fmt.Fprintf(&b, "#EXT-X-TARGETDURATION:%d\n", max(1, int(math.Round(longest.Seconds()))))
	b.WriteString("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	if independent {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q,BYTERANGE=\"%d@0\"\n", uri, f.InitSize)
	for _, s := range segments {
		seconds := float64(s.ticks) / float64(f.timescale)
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", seconds, s.size, s.offset, uri)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return b.Bytes()
}
