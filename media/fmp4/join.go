package fmp4

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
)

// Join writes one rendition to w: the named video chunks one after another, together
// with the named audio file, "" for none. Without chunks the audio makes an audio
// rendition. Chunks must come from one encoder with the same settings and timescale, and
// begin with a keyframe; each starts where the one before ends, whatever its own clock
// says. The audio may be a plain or fragmented MP4; a plain one tells, in its edit list,
// what the encoder put before the sound, which is then left out.
//
// The same input gives the same bytes. Memory does not grow with the length but for a
// few bytes a fragment.
func Join(ctx context.Context, w io.Writer, chunks []string, audio string, report Progress) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("join: %w: %v", ErrFormat, p)
		}
	}()
	j := &joiner{chunks: chunks}
	defer j.close()
	var streams []stream
	if len(chunks) > 0 {
		in, err := j.open(0)
		if err != nil {
			return fmt.Errorf("join: %w", err)
		}
		j.video = in.pick(Video)
		streams = append(streams, stream{track: j.video, samples: j.samples()})
	}
	if audio != "" {
		s, closer, err := openAudio(audio)
		if err != nil {
			return fmt.Errorf("join: %w", err)
		}
		defer closer.Close()
		streams = append(streams, s)
	}
	if len(streams) == 0 {
		return fmt.Errorf("join: %w: nothing to join", ErrFormat)
	}
	if err := mux(ctx, w, streams, report); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}

func openAudio(path string) (stream, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return stream{}, nil, err
	}
	in, err := openInput(f)
	var p placed
	if err == nil {
		if t := in.pick(Audio); t != nil && t.entry.configBox != "" {
			p, err = in.place(t)
		} else {
			err = fmt.Errorf("%w: no sound we know", ErrFormat)
		}
	}
	if err != nil {
		f.Close()
		return stream{}, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return stream{track: p.track, samples: p.samples()}, f, nil
}

// joiner reads chunks one after another.
type joiner struct {
	chunks []string
	video  *track     // of the first chunk; the others must be the same
	files  []*os.File // the chunk being read, and the one whose last fragment is yet to be written
}

// keptOpen is how many chunks stay open: reading is at most one chunk ahead of writing.
const keptOpen = 2

func (j *joiner) open(i int) (*input, error) {
	f, err := os.Open(j.chunks[i])
	if err != nil {
		return nil, err
	}
	if j.files = append(j.files, f); len(j.files) > keptOpen {
		j.files[0].Close()
		j.files = j.files[1:]
	}
	in, err := openInput(f)
	if err != nil {
		return nil, fmt.Errorf("read chunk %s: %w", j.chunks[i], err)
	}
	t := in.pick(Video)
	if t == nil || t.entry.configBox == "" {
		return nil, fmt.Errorf("read chunk %s: %w: no video we know", j.chunks[i], ErrFormat)
	}
	if v := j.video; v != nil && (t.Timescale != v.Timescale || t.Entry != v.Entry || !bytes.Equal(t.clean(), v.clean())) {
		return nil, fmt.Errorf("read chunk %s: %w: %w", j.chunks[i], ErrFormat, ErrDiffer)
	}
	return in, nil
}

func (j *joiner) close() {
	for _, f := range j.files {
		f.Close()
	}
}

// samples yields the samples of all chunks on one clock that starts at zero.
func (j *joiner) samples() iter.Seq2[sample, error] {
	return func(yield func(sample, error) bool) {
		var end uint64
		for i := range j.chunks {
			in, err := j.open(i)
			if err != nil {
				yield(sample{}, err)
				return
			}
			// A chunk's own start is of no account: it follows the one before it.
			p := placed{in: in, track: in.pick(Video), start: int64(end)}
			first := true
			for s, err := range p.samples() {
				if err == nil && first && !s.key {
					err = fmt.Errorf("read chunk %s: %w: it does not begin with a keyframe", j.chunks[i], ErrFormat)
				}
				s.first, first = first, false
				if !yield(s, err) || err != nil {
					return
				}
				end = s.dts + uint64(s.dur)
			}
			if first {
				yield(sample{}, fmt.Errorf("read chunk %s: %w: it is empty", j.chunks[i], ErrFormat))
				return
			}
		}
	}
}
