package fmp4

import (
	"fmt"
	"iter"
	"math"
	"os"
)

// input is an open MP4, plain or fragmented.
type input struct {
	source
	movie      *movie
	fragmented bool
}

// openInput reads the movie header of an open file.
func openInput(f *os.File) (*input, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open MP4: %w", err)
	}
	return newInput(source{r: f, size: info.Size()})
}

// newInput looks for the movie header, and whether fragments follow.
func newInput(s source) (*input, error) {
	in := &input{source: s}
	err := s.walk(0, s.size, true, func(b box) (err error) {
		switch b.kind {
		case "moov":
			in.movie, err = s.readMovie(b)
		case "moof":
			in.fragmented = true
		}
		if in.movie != nil && in.fragmented {
			return errStop
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.movie == nil {
		return nil, fmt.Errorf("%w: no movie header; the file is cut short or no MP4", ErrFormat)
	}
	return in, nil
}

// samples yields the samples of a track as the file times them.
func (in *input) samples(t *track) iter.Seq2[sample, error] {
	if in.fragmented {
		return in.source.fragmented(in.movie, t)
	}
	return in.plain(t)
}

// pick returns the first track of a kind, or nil.
func (in *input) pick(kind Kind) *track {
	for _, t := range in.movie.tracks {
		if t.Kind == kind {
			return t
		}
	}
	return nil
}

// placed is a track together with the moment its first used sample is shown.
type placed struct {
	in    *input
	track *track
	start int64 // in its ticks
	skip  int   // samples before that are left out
}

// place finds where a track begins, from its edit list and its first samples.
//
// Encoded sound begins with samples that only warm up the decoder; the edit list says
// how many ticks of it are not to be heard. Whole packets of that are left out, so that
// the sound begins at zero to the nearest packet without a player having to know.
func (in *input) place(t *track) (placed, error) {
	p := placed{in: in, track: t}
	delay, media, simple := t.presentation()
	if !simple {
		return p, fmt.Errorf("%w: an edit list cuts the %s", ErrUnsupported, t.Kind)
	}
	late := int64(float64(delay) * float64(t.Timescale) / float64(in.movie.timescale))
	for s, err := range in.samples(t) {
		if err != nil {
			return p, err
		}
		p.start = late + int64(s.dts) + int64(s.cto) - media
		length := int64(s.dur)
		if t.Kind == Video {
			if len(t.edits) == 0 && !in.fragmented {
				p.start = 0 // reordering alone delays no picture
			}
			if p.start < -length {
				return p, fmt.Errorf("%w: an edit list cuts the start of the video", ErrUnsupported)
			}
			p.start = max(p.start, 0)
			return p, p.check()
		}
		if p.start < -length/2 {
			p.skip++
			continue
		}
		if p.start < length {
			p.start = 0
		}
		return p, p.check()
	}
	return p, fmt.Errorf("%w: track %d is empty", ErrFormat, t.ID)
}

// check refuses a start that no recording has and that would only make numbers overflow.
func (p *placed) check() error {
	if p.start > int64(p.track.Timescale)*3600 {
		return fmt.Errorf("%w: the %s starts more than an hour late", ErrUnsupported, p.track.Kind)
	}
	return nil
}

// samples yields the used samples so that the first is shown at start ticks.
func (p placed) samples() iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		n := 0
		var base uint64
		var shift int32
		for s, err := range p.in.samples(p.track) {
			if n++; n <= p.skip && err == nil {
				continue
			}
			if n == p.skip+1 {
				base, shift = s.dts, s.cto
			}
			s.dts = s.dts - base + uint64(p.start)
			if err == nil && s.dts > math.MaxInt64/2 {
				err = fmt.Errorf("%w: times of the %s go back", ErrFormat, p.track.Kind)
			}
			s.cto -= shift
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// together moves both tracks forward so that the earlier one begins at zero.
func together(a, b *placed) {
	early := min(seconds(a), seconds(b))
	for _, p := range []*placed{a, b} {
		p.start = max(0, p.start-int64(early*float64(p.track.Timescale)+0.5))
	}
}

func seconds(p *placed) float64 { return float64(p.start) / float64(p.track.Timescale) }
