package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// source is a file that is being read.
type source struct {
	r    io.ReaderAt
	size int64
}

// box is one box: where it starts, where its payload starts, where it ends.
type box struct {
	kind             string
	start, body, end int64
}

// maxBoxes bounds the boxes of one level: two for each fragment of 200 hours and some.
const maxBoxes = 1 << 20

// errStop ends a walk early without being an error.
var errStop = errors.New("stop")

// walk calls fn for each box between start and end. A box that claims to reach beyond
// the end is an error, except in the outermost level of a file cut short, where cut
// allows it and the box then ends with the file.
func (s source) walk(start, end int64, cut bool, fn func(box) error) error {
	for n := 0; start+8 <= end; n++ {
		if n == maxBoxes {
			return fmt.Errorf("%w: more than %d boxes", ErrFormat, maxBoxes)
		}
		b, err := s.header(start, end)
		if err != nil {
			return err
		}
		if b.end > end {
			if !cut {
				return fmt.Errorf("%w: box %q at %d is longer than what holds it", ErrFormat, b.kind, start)
			}
			b.end = end
		}
		if err := fn(b); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
		start = b.end
	}
	return nil
}

// header reads the size and type at start (ISO/IEC 14496-12, 4.2).
func (s source) header(start, end int64) (box, error) {
	var h [16]byte
	n := min(16, end-start)
	if _, err := s.r.ReadAt(h[:n], start); err != nil && !errors.Is(err, io.EOF) {
		return box{}, fmt.Errorf("read box at %d: %w", start, err)
	}
	b := box{kind: string(h[4:8]), start: start, body: start + 8}
	size := uint64(binary.BigEndian.Uint32(h[:]))
	switch {
	case size == 0:
		size = uint64(end - start)
	case size == 1:
		size, b.body = binary.BigEndian.Uint64(h[8:]), start+16
	}
	if size < uint64(b.body-start) || size > 1<<60 {
		return box{}, fmt.Errorf("%w: box at %d claims %d bytes", ErrFormat, start, size)
	}
	b.end = start + int64(size)
	return b, nil
}

// payload reads the whole payload of a box that should be small.
func (s source) payload(b box, limit int64) ([]byte, error) {
	n := b.end - b.body
	if n > limit {
		return nil, fmt.Errorf("%w: box %q holds %d bytes, more than %d", ErrFormat, b.kind, n, limit)
	}
	p := make([]byte, n)
	if _, err := s.r.ReadAt(p, b.body); err != nil && !(errors.Is(err, io.EOF) && n == 0) {
		return nil, fmt.Errorf("read box %q at %d: %w", b.kind, b.start, err)
	}
	return p, nil
}

// child finds the first box of a kind among the children of parent.
func (s source) child(parent box, kind string) (box, bool) {
	var found box
	_ = s.walk(parent.body, parent.end, false, func(b box) error {
		if b.kind != kind {
			return nil
		}
		found = b
		return errStop
	})
	return found, found.kind != ""
}

// fields reads big-endian numbers one after another. Reading beyond the end gives zero
// and is remembered, so that a parser checks once.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.short, f.b = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) skip(n int)  { f.take(n) }
func (f *fields) u8() uint8   { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u24() uint32 {
	p := f.take(3)
	return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])
}
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }

// sized reads 64 bits in version 1 of a full box and 32 bits in version 0.
func (f *fields) sized(version uint8) uint64 {
	if version == 1 {
		return f.u64()
	}
	return uint64(f.u32())
}
