package sim

import (
	"math/rand/v2"
	"sort"
	"time"

	"github.com/tubelet/tubelet/seed/swarm"
)

// film is one rendition, cut into units: pieces, or whole segments for p2p-media-loader.
type film struct {
	hash  string
	media *swarm.Media
	segs  []cut
	sizes []int64 // of the units
	needs []float64
}

type cut struct {
	start, end float64
	from, to   int // units
}

// newFilm draws segments whose sizes vary by 30 % around the rate.
func newFilm(hash string, s Scenario, rate float64, rng *rand.Rand) *film {
	m := &swarm.Media{PieceLength: s.PieceLength, Size: 1200}
	f := &film{hash: hash, media: m}
	for at := time.Duration(0); at < s.Length; {
		d := 4 * time.Second
		if !s.LongStart && len(m.Segments) < 2 {
			d /= 2
		}
		d = min(d, s.Length-at)
		size := int64(rate * d.Seconds() * (0.7 + 0.6*rng.Float64()))
		m.Segments = append(m.Segments, swarm.Segment{Offset: m.Size, Size: size, Start: at, Duration: d})
		m.Size += size
		at += d
	}
	f.cutUp(s.Mode == MediaLoader)
	return f
}

func (f *film) cutUp(bySegment bool) {
	if !bySegment {
		for at := int64(0); at < f.media.Size; at += f.media.PieceLength {
			f.sizes = append(f.sizes, min(f.media.PieceLength, f.media.Size-at))
		}
	}
	for i, s := range f.media.Segments {
		c := cut{start: s.Start.Seconds(), end: (s.Start + s.Duration).Seconds(), from: i, to: i}
		if bySegment {
			f.sizes = append(f.sizes, s.Size)
		} else {
			c.from = int(s.Offset / f.media.PieceLength)
			c.to = int((s.Offset + s.Size - 1) / f.media.PieceLength)
		}
		if i == 0 {
			c.from = 0
		}
		f.segs = append(f.segs, c)
	}
	f.needs = make([]float64, len(f.sizes))
	for i := len(f.segs) - 1; i >= 0; i-- {
		for u := f.segs[i].from; u <= f.segs[i].to; u++ {
			f.needs[u] = f.segs[i].start
		}
	}
}

// at is the segment that plays at pos.
func (f *film) at(pos float64) int {
	return sort.Search(len(f.segs), func(i int) bool { return f.segs[i].end > pos+1e-9 })
}

func (f *film) length() float64 { return f.segs[len(f.segs)-1].end }
