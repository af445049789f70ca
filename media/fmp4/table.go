package fmp4

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
)

// table reads the entries of one table box in order, a few kilobytes at a time.
type table struct {
	r     *bufio.Reader
	left  int64 // entries not yet read
	width int
	buf   [16]byte
}

// open starts reading a table whose payload begins with head bytes and a count.
func (s source) open(b box, head, width int) (*table, error) {
	t := &table{width: width}
	if b.kind == "" {
		return t, nil
	}
	t.r = bufio.NewReaderSize(io.NewSectionReader(s.r, b.body, b.end-b.body), 32<<10)
	if _, err := t.r.Discard(head); err != nil {
		return nil, fmt.Errorf("%w: box %q is too short", ErrFormat, b.kind)
	}
	if _, err := io.ReadFull(t.r, t.buf[:4]); err != nil {
		return nil, fmt.Errorf("%w: box %q is too short", ErrFormat, b.kind)
	}
	t.left = int64(binary.BigEndian.Uint32(t.buf[:4]))
	if width > 0 && t.left > min(maxTotal, (b.end-b.body)/int64(width)) {
		return nil, fmt.Errorf("%w: box %q claims %d entries", ErrFormat, b.kind, t.left)
	}
	return t, nil
}

// next returns the fields of one entry, or false at the end.
func (t *table) next() (fields, bool, error) {
	if t.left == 0 {
		return fields{}, false, nil
	}
	t.left--
	if _, err := io.ReadFull(t.r, t.buf[:t.width]); err != nil {
		return fields{}, false, fmt.Errorf("%w: a sample table ends early", ErrFormat)
	}
	return fields{b: t.buf[:t.width]}, true, nil
}

// sizes describes the stsz box: one size for all, or a table of them.
type sizes struct {
	each  uint32
	count int64
	*table
}

func (s source) openSizes(t *track) (sizes, error) {
	b, ok := t.tables["stsz"]
	if !ok {
		return sizes{}, fmt.Errorf("%w: track %d has no sample sizes", ErrFormat, t.ID)
	}
	p := make([]byte, 8)
	if _, err := s.r.ReadAt(p, b.body); err != nil || b.end-b.body < 12 {
		return sizes{}, fmt.Errorf("%w: no sample sizes", ErrFormat)
	}
	each := binary.BigEndian.Uint32(p[4:])
	width := 4
	if each != 0 {
		width = 0
	}
	list, err := s.open(b, 8, width)
	if err != nil {
		return sizes{}, err
	}
	if each != 0 && list.left > s.size/int64(each) {
		// Cut short, or a lie: no more samples than bytes can be read in any case.
		list.left = s.size / int64(each)
	}
	return sizes{each: each, count: list.left, table: list}, nil
}

func (z sizes) read() (uint32, bool, error) {
	if z.each != 0 {
		z.left--
		return z.each, z.left >= 0, nil
	}
	f, ok, err := z.next()
	if !ok {
		return 0, false, err
	}
	return f.u32(), true, nil
}

// counted reads tables of (count, value) pairs: stts and ctts.
type counted struct {
	*table
	repeat uint32
	value  uint32
}

func (c *counted) read() (uint32, error) {
	for c.repeat == 0 {
		f, ok, err := c.next()
		if err != nil || !ok {
			return c.value, err // the last value holds on, as every player takes it
		}
		c.repeat, c.value = f.u32(), f.u32()
	}
	c.repeat--
	return c.value, nil
}

// tables is the open sample tables of one track of a plain MP4 (8.5 to 8.7).
type tables struct {
	sizes
	times, offsets counted
	hasOffsets     bool
	syncs          *table
	nextSync       int64
	allSync        bool
	chunks         chunks
}

func (s source) openTables(t *track) (*tables, error) {
	v := &tables{}
	var errs [4]error
	v.sizes, errs[0] = s.openSizes(t)
	v.times.table, errs[1] = s.open(t.tables["stts"], 4, 8)
	v.offsets.table, errs[2] = s.open(t.tables["ctts"], 4, 8)
	v.syncs, errs[3] = s.open(t.tables["stss"], 4, 4)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	_, v.hasOffsets = t.tables["ctts"]
	_, some := t.tables["stss"]
	v.allSync = !some
	if err := v.advanceSync(); err != nil {
		return nil, err
	}
	return v, s.openChunks(t, &v.chunks)
}

// advanceSync reads the number of the next keyframe.
func (v *tables) advanceSync() error {
	f, ok, err := v.syncs.next()
	v.nextSync = math.MaxInt64
	if ok {
		v.nextSync = int64(f.u32())
	}
	return err
}

// chunks walks stsc and stco: which samples lie together, and where.
type chunks struct {
	runs, offsets    *table
	wide             bool
	number           int64 // of the current chunk, from 1
	perChunk         uint32
	nextFirst        int64 // chunk from which nextPer holds
	nextPer          uint32
	left             uint32 // samples left in the current chunk
	offset           int64
	otherDescription bool // some chunk uses another sample entry than the first
}

func (s source) openChunks(t *track, c *chunks) (err error) {
	b, ok := t.tables["stco"]
	width := 4
	if !ok {
		b, ok = t.tables["co64"]
		width, c.wide = 8, true
	}
	if !ok {
		return fmt.Errorf("%w: track %d does not say where its samples are", ErrFormat, t.ID)
	}
	if c.offsets, err = s.open(b, 4, width); err != nil {
		return err
	}
	if c.runs, err = s.open(t.tables["stsc"], 4, 12); err != nil {
		return err
	}
	return c.readRun()
}

func (c *chunks) readRun() error {
	f, ok, err := c.runs.next()
	c.nextFirst = math.MaxInt64
	if ok {
		c.nextFirst, c.nextPer = int64(f.u32()), f.u32()
		c.otherDescription = c.otherDescription || f.u32() != 1
	}
	return err
}

// place returns where a sample of the given size lies.
func (c *chunks) place(size uint32) (int64, error) {
	for c.left == 0 {
		f, ok, err := c.offsets.next()
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, fmt.Errorf("%w: more samples than chunks to hold them", ErrFormat)
		}
		c.offset = int64(f.u32())
		if c.wide {
			c.offset = c.offset<<32 | int64(f.u32())
		}
		if c.offset < 0 || c.offset > math.MaxInt64/4 {
			return 0, fmt.Errorf("%w: a sample lies at no place", ErrFormat)
		}
		c.number++
		for c.number >= c.nextFirst {
			c.perChunk = c.nextPer
			if err := c.readRun(); err != nil {
				return 0, err
			}
		}
		c.left = c.perChunk
	}
	c.left--
	at := c.offset
	c.offset += int64(size)
	return at, nil
}

// plain yields the samples of one track of a plain MP4.
func (s source) plain(t *track) iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		v, err := s.openTables(t)
		var dts uint64
		for n := int64(1); err == nil; n++ {
			c, ok, readErr := v.sample(n)
			if err = readErr; err != nil || !ok {
				break
			}
			if n > maxTotal {
				err = fmt.Errorf("%w: too many samples", ErrFormat)
				break
			}
			c.dts, c.from = dts, s.r
			dts += uint64(c.dur)
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(sample{}, err)
		}
	}
}

// sample reads the nth sample, from 1; n counts up by one with each call.
func (v *tables) sample(n int64) (c sample, ok bool, err error) {
	if c.size, ok, err = v.sizes.read(); !ok {
		return c, false, err
	}
	if c.dur, err = v.times.read(); err != nil {
		return c, false, err
	}
	if v.hasOffsets {
		offset, err := v.offsets.read()
		if err != nil {
			return c, false, err
		}
		c.cto = int32(offset)
	}
	c.key = v.allSync
	for n >= v.nextSync {
		c.key = c.key || n == v.nextSync
		if err := v.advanceSync(); err != nil {
			return c, false, err
		}
	}
	c.offset, err = v.chunks.place(c.size)
	return c, err == nil, err
}
