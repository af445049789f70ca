package fmp4

import (
	"fmt"
	"math"
)

// movie is what the moov box says.
type movie struct {
	timescale uint32
	tracks    []*track
	moov      box
}

// track is one trak box: what it is, and where its tables lie.
type track struct {
	Track
	entry        entry
	movieScale   uint32
	mediaTicks   uint64 // length the header claims
	pixelWidth   uint32 // of tkhd, 16.16: the size to show
	pixelHeight  uint32
	rotation     int  // clockwise degrees: 0 90 180 270
	mirrored     bool // the matrix flips the picture too
	edits        []edit
	chapterTrack uint32 // the track that lists this one's chapters
	tables       map[string]box
	defaults     sampleDefaults
}

// edit is one entry of an edit list (8.6.6). Media is -1 for a stretch of nothing.
type edit struct {
	length uint64 // in the movie's timescale
	media  int64
}

// sampleDefaults is what holds for a fragment's samples unless it says otherwise.
type sampleDefaults struct {
	duration, size, flags uint32
}

// Limits on what a file may claim. Real files stay far below.
const (
	maxTracks = 64
	maxSmall  = 1 << 20 // payload of a box that is read as a whole
	maxEdits  = 1 << 12
	maxDepth  = 8 // a table lies three levels below its track
)

// readMovie parses the moov box.
func (s source) readMovie(moov box) (*movie, error) {
	m := &movie{moov: moov, timescale: 1000}
	defaults := map[uint32]sampleDefaults{}
	err := s.walk(moov.body, moov.end, false, func(b box) error {
		switch b.kind {
		case "mvhd":
			return s.readMovieHeader(b, m)
		case "trak":
			if len(m.tracks) == maxTracks {
				return fmt.Errorf("%w: more than %d tracks", ErrFormat, maxTracks)
			}
			t, err := s.readTrack(b)
			m.tracks = append(m.tracks, t)
			return err
		case "mvex":
			return s.readDefaults(b, defaults)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read moov: %w", err)
	}
	for _, t := range m.tracks {
		t.movieScale, t.defaults = m.timescale, defaults[t.ID]
	}
	return m, nil
}

func (s source) readMovieHeader(b box, m *movie) error {
	p, err := s.payload(b, maxSmall)
	f := fields{b: p}
	version := f.u8()
	f.skip(3)
	f.sized(version)
	f.sized(version)
	if scale := f.u32(); scale != 0 && !f.short {
		m.timescale = scale
	}
	return err
}

func (s source) readDefaults(mvex box, into map[uint32]sampleDefaults) error {
	return s.walk(mvex.body, mvex.end, false, func(b box) error {
		if b.kind != "trex" {
			return nil
		}
		p, err := s.payload(b, maxSmall)
		f := fields{b: p}
		f.skip(4)
		id := f.u32()
		f.skip(4)
		into[id] = sampleDefaults{duration: f.u32(), size: f.u32(), flags: f.u32()}
		return err
	})
}

// readTrack parses a trak box: its header, edits, references, media header and tables.
func (s source) readTrack(trak box) (*track, error) {
	t := &track{tables: map[string]box{}, Track: Track{Kind: Other}}
	read := map[string]func(*fields){
		"tkhd": t.readTrackHeader,
		"elst": t.readEdits,
		"chap": func(f *fields) { t.chapterTrack = f.u32() },
		"mdhd": t.readMediaHeader,
		"hdlr": t.readHandler,
	}
	depth := 0
	var visit func(b box) error
	visit = func(b box) error {
		switch b.kind {
		case "edts", "tref", "mdia", "minf", "stbl":
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: boxes within boxes within boxes", ErrFormat)
			}
			defer func() { depth-- }()
			return s.walk(b.body, b.end, false, visit)
		case "stsd", "stts", "ctts", "stsc", "stsz", "stz2", "stco", "co64", "stss":
			t.tables[b.kind] = b
		case "tkhd", "elst", "chap", "mdhd", "hdlr":
			// QuickTime puts a second hdlr, of the data handler, into minf.
			if b.kind == "hdlr" && t.Kind != Other {
				return nil
			}
			p, err := s.payload(b, maxSmall)
			if err != nil {
				return err
			}
			read[b.kind](&fields{b: p})
		}
		return nil
	}
	if err := s.walk(trak.body, trak.end, false, visit); err != nil {
		return nil, err
	}
	if t.Timescale == 0 {
		return nil, fmt.Errorf("%w: track %d has no timescale", ErrFormat, t.ID)
	}
	return t, s.readEntry(t)
}

func (t *track) readTrackHeader(f *fields) {
	version := f.u8()
	f.skip(3)
	f.sized(version)
	f.sized(version)
	t.ID = f.u32()
	f.skip(4)
	f.sized(version)
	f.skip(16) // reserved, layer, group, volume
	var m [9]int32
	for i := range m {
		m[i] = int32(f.u32())
	}
	t.pixelWidth, t.pixelHeight = f.u32(), f.u32()
	// The first row of the matrix is where the picture's x axis goes (6.2.2).
	turn := math.Atan2(float64(m[1]), float64(m[0])) * 180 / math.Pi
	t.rotation = (int(math.Round(turn/90))*90 + 360) % 360
	t.mirrored = int64(m[0])*int64(m[4]) < int64(m[1])*int64(m[3])
}

func (t *track) readEdits(f *fields) {
	version := f.u8()
	f.skip(3)
	for n := min(f.u32(), maxEdits); n > 0 && !f.short; n-- {
		e := edit{length: f.sized(version)}
		if version == 1 {
			e.media = int64(f.u64())
		} else {
			e.media = int64(int32(f.u32()))
		}
		f.skip(4)
		if !f.short {
			t.edits = append(t.edits, e)
		}
	}
}

func (t *track) readMediaHeader(f *fields) {
	version := f.u8()
	f.skip(3)
	f.sized(version)
	f.sized(version)
	t.Timescale, t.mediaTicks = f.u32(), f.sized(version)
	packed := f.u16()
	// Three letters of five bits; QuickTime's own codes lie below 0x400 (8.4.2.3).
	if packed >= 0x400 && packed != 0x7fff {
		t.Language = string([]byte{byte(packed>>10&31) + 0x60, byte(packed>>5&31) + 0x60, byte(packed&31) + 0x60})
	}
	if t.Language == "und" {
		t.Language = ""
	}
}

func (t *track) readHandler(f *fields) {
	f.skip(8)
	switch string(f.take(4)) {
	case "vide":
		t.Kind = Video
	case "soun":
		t.Kind = Audio
	case "text", "sbtl", "subt":
		t.Kind = Text
	}
}

// presentation says where the edit list puts the track: it starts delay movie ticks
// late, and shows the media from the tick mediaStart on. Simple is false when it cuts
// the media into pieces or drops more than half a second of its end.
func (t *track) presentation() (delay uint64, mediaStart int64, simple bool) {
	i := 0
	for ; i < len(t.edits) && t.edits[i].media < 0; i++ {
		delay += min(t.edits[i].length, math.MaxUint32)
	}
	if i == len(t.edits) {
		return delay, 0, true
	}
	e := t.edits[i]
	shown := float64(e.length) / float64(t.movieScale)
	whole := float64(int64(t.mediaTicks)-e.media) / float64(t.Timescale)
	cut := e.length != 0 && t.mediaTicks != 0 && shown < whole-0.5
	return delay, e.media, i == len(t.edits)-1 && !cut
}
