package fmp4

import (
	"fmt"
	"io"
	"iter"
	"math"
)

// sample is one coded frame: where its bytes are, and when it is decoded and shown.
type sample struct {
	offset int64
	dts    uint64 // in ticks of the track's timescale
	size   uint32
	dur    uint32
	cto    int32 // composition time offset: shown at dts+cto
	key    bool
	first  bool        // the first of its file: a fragment begins here whatever came before
	from   io.ReaderAt // where offset counts
}

// run is what one traf says: samples of one track.
type run struct {
	track   *track
	dts     uint64 // of the first sample
	dated   bool   // the traf has its own start time
	samples []sample
	ticks   uint64 // sum of the samples' durations
	end     int64  // of the last sample's bytes
}

// Sample flags and the flags of tfhd and trun (8.8.3, 8.8.7, 8.8.8).
const (
	notSync = 0x10000

	tfhdBaseOffset  = 0x1
	tfhdDescription = 0x2
	tfhdDuration    = 0x8
	tfhdSize        = 0x10
	tfhdFlags       = 0x20
	tfhdBaseIsMoof  = 0x20000

	trunDataOffset = 0x1
	trunFirstFlags = 0x4
	trunDuration   = 0x100
	trunSize       = 0x200
	trunFlags      = 0x400
	trunCTO        = 0x800
)

// maxTotal bounds the samples of a file: a day at 120 frames a second with a dozen sound
// tracks has fewer.
const maxTotal = 1 << 26

// readMoof parses the trafs of one movie fragment. Budget is how many samples the file may
// still claim; one fragment may claim maxSamples, since they are all held in memory and a
// few bytes can otherwise claim billions.
func (s source) readMoof(m *movie, moof box, budget *int64) ([]run, error) {
	var runs []run
	left := min(*budget, maxSamples)
	*budget -= left
	defer func() { *budget += left }()
	next := moof.start // where a traf without an offset of its own begins
	err := s.walk(moof.body, moof.end, false, func(b box) error {
		if b.kind != "traf" {
			return nil
		}
		if len(runs) == maxTracks*4 {
			return fmt.Errorf("%w: too many track fragments", ErrFormat)
		}
		r, err := s.readTraf(m, moof, b, next, &left)
		if err != nil {
			return err
		}
		if r.track != nil {
			runs = append(runs, r)
		}
		next = r.end
		return nil
	})
	return runs, err
}

// readTraf parses one traf. Its track is nil when the movie does not declare it.
func (s source) readTraf(m *movie, moof, traf box, next int64, budget *int64) (run, error) {
	r := run{end: next}
	var d sampleDefaults
	base := next
	err := s.walk(traf.body, traf.end, false, func(b box) error {
		if b.kind != "tfhd" && b.kind != "tfdt" && b.kind != "trun" {
			return nil
		}
		p, err := s.payload(b, 16*maxSmall)
		if err != nil {
			return err
		}
		f := &fields{b: p}
		switch b.kind {
		case "tfhd":
			r.track, d, base = readTfhd(f, m, moof.start, next)
			r.end = base
		case "tfdt":
			version := f.u8()
			f.skip(3)
			r.dts, r.dated = min(f.sized(version), math.MaxInt64/4), true
		case "trun":
			return r.addTrun(f, base, d, budget)
		}
		return nil
	})
	return r, err
}

// readTfhd returns the track, what holds for its samples by default, and where
// data offsets count from.
func readTfhd(f *fields, m *movie, moof, next int64) (t *track, d sampleDefaults, base int64) {
	flags := f.u32() & 0xffffff
	id := f.u32()
	for _, c := range m.tracks {
		if c.ID == id {
			t, d = c, c.defaults
		}
	}
	base = next
	if flags&tfhdBaseIsMoof != 0 {
		base = moof
	}
	if flags&tfhdBaseOffset != 0 {
		base = int64(min(f.u64(), math.MaxInt64/4))
	}
	if flags&tfhdDescription != 0 {
		f.skip(4)
	}
	if flags&tfhdDuration != 0 {
		d.duration = f.u32()
	}
	if flags&tfhdSize != 0 {
		d.size = f.u32()
	}
	if flags&tfhdFlags != 0 {
		d.flags = f.u32()
	}
	return t, d, base
}

// addTrun appends a trun's samples. A sample's flags come from its own field, else from
// the first-sample-flags, else from tfhd, else from trex.
func (r *run) addTrun(f *fields, base int64, d sampleDefaults, budget *int64) error {
	f.skip(1)
	flags := f.u24()
	count := int64(f.u32())
	if *budget -= count; *budget < 0 {
		return fmt.Errorf("%w: a fragment claims too many samples", ErrFormat)
	}
	offset := r.end
	if flags&trunDataOffset != 0 {
		offset = base + int64(int32(f.u32()))
	}
	first := d.flags
	if flags&trunFirstFlags != 0 {
		first = f.u32()
	}
	for i := range count {
		c := sample{offset: offset, dts: r.dts + r.ticks, dur: d.duration, size: d.size}
		own := d.flags
		if i == 0 {
			own = first
		}
		if flags&trunDuration != 0 {
			c.dur = f.u32()
		}
		if flags&trunSize != 0 {
			c.size = f.u32()
		}
		if flags&trunFlags != 0 {
			own = f.u32()
		}
		if flags&trunCTO != 0 {
			// Version 0 has unsigned offsets; many writers put negative ones there too.
			c.cto = int32(f.u32())
		}
		if f.short || offset < 0 {
			return fmt.Errorf("%w: a fragment's sample list is broken", ErrFormat)
		}
		c.key = own&notSync == 0
		r.samples = append(r.samples, c)
		r.ticks += uint64(c.dur)
		offset += int64(c.size)
	}
	r.end = offset
	return nil
}

// fragmented yields the samples of one track from all movie fragments of a file.
func (s source) fragmented(m *movie, t *track) iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		budget, next := min(s.size, maxTotal), uint64(0)
		err := s.walk(0, s.size, true, func(b box) error {
			if b.kind != "moof" {
				return nil
			}
			runs, err := s.readMoof(m, b, &budget)
			if err != nil {
				return err
			}
			for _, r := range runs {
				if r.track != t {
					continue
				}
				if !r.dated {
					r.dts = next
				}
				if !s.yieldRun(r, yield) {
					return errStop
				}
				next = r.dts + r.ticks
			}
			return nil
		})
		if err != nil {
			yield(sample{}, err)
		}
	}
}

func (s source) yieldRun(r run, yield func(sample, error) bool) bool {
	dts := r.dts
	for _, c := range r.samples {
		c.dts, c.from = dts, s.r
		dts += uint64(c.dur)
		if !yield(c, nil) {
			return false
		}
	}
	return true
}
