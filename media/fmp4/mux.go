package fmp4

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/bits"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// stream is one track on its way into the output.
type stream struct {
	track   *track
	samples iter.Seq2[sample, error] // in output time; may be run more than once
	// scrub takes private data out of a sample in place, and says what is wrong with it; nil
	// when there is nothing to do.
	scrub func(frame []byte, key bool) error
}

// Limits of one fragment. A fragment ends before a keyframe once it is long enough, so
// that a source of keyframes alone does not become a fragment for each frame.
const (
	minVideoFragment = time.Second
	minAudioFragment = 2 * time.Second
	maxSamples       = 1 << 18
	maxFragment      = 1 << 30
)

// muxer writes streams, the leading one first, as one fragmented MP4.
type muxer struct {
	streams []stream
	plan    []planned
	starts  []uint64 // of each stream, in its ticks
	ends    []uint64
	rates   []rates
	total   int64
}

// rates are the bit rates of a stream, as far as they were counted.
type rates struct {
	largest   uint32 // sample, in bytes
	peak      uint64 // bits per second, of a fragment
	bits      uint64
	ticks     uint64
	timescale uint32
}

// add counts the samples of one fragment.
func (r *rates) add(list []sample) {
	var bits, ticks uint64
	for _, s := range list {
		r.largest = max(r.largest, s.size)
		bits += 8 * uint64(s.size)
		ticks += uint64(s.dur)
	}
	r.bits, r.ticks = r.bits+bits, r.ticks+ticks
	// A fragment shorter than a second, as the last may be, says nothing about a second.
	r.peak = max(r.peak, perSecond(bits, max(ticks, uint64(r.timescale)), r.timescale))
}

// btrt is the payload of the bit rate box (8.5.2).
func (r *rates) btrt() []byte {
	p := binary.BigEndian.AppendUint32(nil, r.largest)
	p = binary.BigEndian.AppendUint32(p, uint32(r.peak))
	return binary.BigEndian.AppendUint32(p, uint32(min(r.peak, perSecond(r.bits, r.ticks, r.timescale))))
}

func perSecond(bits, ticks uint64, timescale uint32) uint64 {
	if ticks == 0 {
		return 0
	}
	return uint64(min(float64(bits)*float64(timescale)/float64(ticks), math.MaxUint32))
}

// planned is what the first pass learns about one fragment, for the index.
type planned struct {
	size  int64
	ticks [2]uint32 // of each stream
	key   bool
}

// mux writes the streams to w. It reads the sample lists twice: the index stands before
// what it describes, and its size and numbers must be known first.
func mux(ctx context.Context, w io.Writer, streams []stream, report Progress) error {
	x := &muxer{streams: streams}
	if err := x.measure(ctx); err != nil {
		return err
	}
	head, err := x.header()
	if err != nil {
		return err
	}
	x.total += int64(len(head))
	out := &output{w: bufio.NewWriterSize(w, 256<<10), buf: make([]byte, 1<<20), report: report, total: x.total}
	if err := out.write(head); err != nil {
		return err
	}
	if err := x.write(ctx, out); err != nil {
		return err
	}
	if out.done != x.total {
		return errChanged
	}
	return out.w.Flush()
}

// errChanged is returned when the second pass finds other samples than the first.
var errChanged = errors.New("write fragments: the source changed meanwhile")

// measure runs over all samples once and fills the plan.
func (x *muxer) measure(ctx context.Context) error {
	x.starts, x.ends = make([]uint64, len(x.streams)), make([]uint64, len(x.streams))
	for _, s := range x.streams {
		x.rates = append(x.rates, rates{timescale: s.track.Timescale})
	}
	for g, err := range x.groups() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		moof, data := x.moof(g, 1)
		p := planned{size: int64(moof.Size()) + 8 + data, key: g[0][0].key}
		for i, list := range g {
			if err := x.span(i, list, &p); err != nil {
				return err
			}
		}
		if p.size > maxFragment {
			return fmt.Errorf("%w: %d bytes without a keyframe", ErrUnsupported, p.size)
		}
		x.plan = append(x.plan, p)
		x.total += p.size
	}
	if len(x.plan) == 0 {
		return fmt.Errorf("%w: no samples", ErrFormat)
	}
	return nil
}

// span notes which time a stream's part of a fragment takes.
func (x *muxer) span(stream int, list []sample, p *planned) error {
	if len(list) == 0 {
		return nil
	}
	x.rates[stream].add(list)
	last := list[len(list)-1]
	if x.ends[stream] == 0 {
		x.starts[stream] = list[0].dts
	}
	x.ends[stream] = last.dts + uint64(last.dur)
	ticks := x.ends[stream] - list[0].dts
	if ticks > math.MaxUint32 {
		return fmt.Errorf("%w: a fragment of %d ticks", ErrFormat, ticks)
	}
	p.ticks[stream] = uint32(ticks)
	return nil
}

func (x *muxer) write(ctx context.Context, out *output) error {
	number := uint32(0)
	for g, err := range x.groups() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if number++; int(number) > len(x.plan) {
			return errChanged
		}
		moof, data := x.moof(g, number)
		if int64(moof.Size())+8+data != x.plan[number-1].size {
			return errChanged
		}
		if err := out.fragment(moof, data, g, x.streams); err != nil {
			return fmt.Errorf("write fragment %d: %w", number, err)
		}
	}
	return nil
}

// group is the samples of one fragment, by stream.
type group [][]sample

// groups cuts the streams into fragments: the leading one at its keyframes, the others
// where its fragments end.
func (x *muxer) groups() iter.Seq2[group, error] {
	return func(yield func(group, error) bool) {
		queues := make([]*queue, len(x.streams))
		for i, s := range x.streams {
			queues[i] = newQueue(s)
			defer queues[i].stop()
		}
		for queues[0].ok {
			g := make(group, len(queues))
			var end uint64
			var err error
			g[0], end, err = queues[0].lead()
			for i := 1; i < len(queues) && err == nil; i++ {
				if !queues[0].ok {
					end = math.MaxUint64 // the last fragment takes what is left
				}
				g[i], err = queues[i].until(end, x.streams[0].track.Timescale)
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
		if err := queues[0].err; err != nil {
			yield(nil, err)
		}
	}
}

// queue looks one sample ahead into a stream.
type queue struct {
	kind      Kind
	timescale uint32
	pull      func() (sample, error, bool)
	stop      func()
	head      sample
	ok        bool
	err       error
}

func newQueue(s stream) *queue {
	q := &queue{kind: s.track.Kind, timescale: s.track.Timescale}
	q.pull, q.stop = iter.Pull2(s.samples)
	q.advance()
	return q
}

func (q *queue) advance() {
	q.head, q.err, q.ok = q.pull()
	if q.err != nil {
		q.ok = false
	}
}

// take returns the head. Its duration becomes the distance to the next one, so that
// gaps between fragments of the source stay where they were.
func (q *queue) take() (sample, error) {
	s := q.head
	q.advance()
	if !q.ok {
		return s, q.err
	}
	if q.head.dts < s.dts || q.head.dts-s.dts > math.MaxUint32 {
		return s, fmt.Errorf("%w: times of the %s go back or leap", ErrFormat, q.kind)
	}
	s.dur = uint32(q.head.dts - s.dts)
	return s, nil
}

// lead takes the samples of one fragment and returns where it ends.
func (q *queue) lead() (list []sample, end uint64, err error) {
	least := minVideoFragment
	if q.kind == Audio {
		least = minAudioFragment
	}
	start := q.head.dts
	for q.ok {
		if len(list) > 0 && (q.head.first || q.head.key && ticksToTime(q.head.dts-start, q.timescale) >= least) {
			break
		}
		s, err := q.take()
		if err != nil {
			return nil, 0, err
		}
		if len(list) == maxSamples {
			return nil, 0, fmt.Errorf("%w: too many frames without a keyframe", ErrUnsupported)
		}
		list, end = append(list, s), s.dts+uint64(s.dur)
	}
	return list, end, nil
}

// until takes the samples that are over by end, which is in ticks of another timescale.
// One that reaches over it goes to the next fragment, which then has all of its sound: a
// player that begins there need not look back.
func (q *queue) until(end uint64, timescale uint32) (list []sample, err error) {
	for q.ok && (end == math.MaxUint64 || !before(end, timescale, q.head.dts+uint64(q.head.dur), q.timescale)) {
		s, err := q.take()
		if err != nil {
			return nil, err
		}
		if len(list) == maxSamples {
			return nil, fmt.Errorf("%w: the sound is much longer than the picture", ErrUnsupported)
		}
		list = append(list, s)
	}
	return list, q.err
}

// before compares a/scaleA with b/scaleB exactly.
func before(a uint64, scaleA uint32, b uint64, scaleB uint32) bool {
	aHigh, aLow := bits.Mul64(a, uint64(scaleB))
	bHigh, bLow := bits.Mul64(b, uint64(scaleA))
	return aHigh < bHigh || aHigh == bHigh && aLow < bLow
}

// output writes fragments and counts bytes.
type output struct {
	w           *bufio.Writer
	buf         []byte
	report      Progress
	done, total int64
}

func (o *output) write(p []byte) error {
	n, err := o.w.Write(p)
	o.done += int64(n)
	return err
}

func (o *output) fragment(moof *mp4.MoofBox, data int64, g group, streams []stream) error {
	if err := moof.Encode(o.w); err != nil {
		return err
	}
	o.done += int64(moof.Size())
	mdat := binary.BigEndian.AppendUint32(nil, uint32(data+8))
	if err := o.write(append(mdat, "mdat"...)); err != nil {
		return err
	}
	for i, list := range g {
		if err := o.copy(list, streams[i].scrub); err != nil {
			return err
		}
	}
	if o.report != nil {
		o.report(o.done, o.total)
	}
	return nil
}

// maxSample bounds one frame; at the rates we copy, the largest keyframe has a few megabytes.
const maxSample = 32 << 20

// copy writes the samples' bytes; those that lie next to each other are read at once.
func (o *output) copy(list []sample, scrub func([]byte, bool) error) error {
	for len(list) > 0 {
		at, n, next := list[0].offset, int64(list[0].size), 1
		for next < len(list) && list[next].from == list[0].from && list[next].offset == at+n &&
			n+int64(list[next].size) <= int64(len(o.buf)) {
			n += int64(list[next].size)
			next++
		}
		p, err := o.read(list[0].from, at, n)
		if err != nil {
			return err
		}
		for rest := p; scrub != nil && len(rest) > 0; {
			size := list[0].size
			if err := scrub(rest[:size], list[0].key); err != nil {
				return err
			}
			rest, list, next = rest[size:], list[1:], next-1
		}
		if err := o.write(p); err != nil {
			return err
		}
		list = list[next:]
	}
	return nil
}

// read returns n bytes of a source, which hold until the next call.
func (o *output) read(from io.ReaderAt, at, n int64) ([]byte, error) {
	if n > maxSample {
		return nil, fmt.Errorf("%w: a frame of %d bytes", ErrUnsupported, n)
	}
	if n > int64(len(o.buf)) {
		o.buf = make([]byte, n)
	}
	p := o.buf[:n]
	if k, err := from.ReadAt(p, at); errors.Is(err, io.EOF) && at >= 0 && k < len(p) {
		return nil, fmt.Errorf("%w: the file ends early", ErrFormat)
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return p, nil
}
