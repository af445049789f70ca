package fmp4

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
)

// Remux writes the H.264 and AAC of the MP4 or MOV at path to w in a rendition's layout,
// without its metadata, neither the file's nor what cameras put between the pictures. What
// it cannot do without ffmpeg is an error that wraps ErrUnsupported. Its memory does not
// grow with the file's length but for a few bytes a fragment.
func Remux(ctx context.Context, path string, w io.Writer, report Progress) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("remux: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("remux: %w", err)
	}
	if err := remux(ctx, source{r: f, size: info.Size()}, w, report); err != nil {
		return fmt.Errorf("remux: %w", err)
	}
	return nil
}

// remux is Remux of an open source. A panic, in our parser of strangers' bytes or in the
// library that encodes the boxes, ends this file's remux and not the program.
func remux(ctx context.Context, s source, w io.Writer, report Progress) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrFormat, p)
		}
	}()
	in, err := newInput(s)
	if err != nil {
		return err
	}
	video, audio := in.pick(Video), in.pick(Audio)
	if video == nil && audio == nil {
		return fmt.Errorf("%w: neither video nor audio", ErrFormat)
	}
	var tracks []*placed
	for _, t := range []*track{video, audio} {
		if t == nil {
			continue
		}
		if err := t.copyable(); err != nil {
			return err
		}
		p, err := in.place(t)
		if err != nil {
			return err
		}
		tracks = append(tracks, &p)
	}
	together(tracks[0], tracks[len(tracks)-1])
	var streams []stream
	for _, p := range tracks {
		s := stream{track: p.track, samples: p.samples()}
		if p.track.Kind == Video {
			size := p.track.entry.nalSize()
			s.scrub = func(frame []byte, key bool) error {
				if kind := firstSlice(frame, size); key && kind > 0 && kind != nalIDR {
					return fmt.Errorf("%w: a keyframe leans on pictures before it", ErrUnsupported)
				}
				return scrub(frame, size)
			}
		}
		streams = append(streams, s)
	}
	return mux(ctx, w, streams, report)
}

// copyable says why a track cannot go into a rendition as it is.
func (t *track) copyable() error {
	switch {
	case t.entry.encrypted:
		return fmt.Errorf("%w: the %s is encrypted", ErrFormat, t.Kind)
	case t.entry.count != 1:
		return fmt.Errorf("%w: the %s changes its format on the way", ErrUnsupported, t.Kind)
	case t.Kind == Video && (t.Entry != "avc1" || t.entry.configBox != "avcC" || len(t.entry.config) < 7):
		return fmt.Errorf("%w: the video is %s", ErrUnsupported, t.Entry)
	case t.Kind == Video && (t.rotation != 0 || t.mirrored):
		return fmt.Errorf("%w: the video is turned by a mark in the file", ErrUnsupported)
	case t.Kind == Audio && t.Codec != "mp4a.40.2":
		return fmt.Errorf("%w: the audio is %s", ErrUnsupported, t.Codec)
	}
	return nil
}

// Cameras hide the place, the time and their serial number in the pictures themselves: in
// user data of supplemental enhancement information (ITU-T H.264, annex D). What a decoder
// has no use for is overwritten by as many bytes of filler, so that a sample's size, known
// long before its bytes are read, stays what it was.

// Types of NAL units (table 7-1) and of SEI messages (D.1.1).
const (
	nalIDR         = 5 // slices are 1 to 5
	nalSEI         = 6
	nalUnspecified = 24 // from here on, and 0

	seiFiller = 3
	maxSEI    = 1 << 16
)

// useful are the SEI messages that a decoder or player may need: buffering period, picture
// timing, recovery point, frame packing.
var useful = map[int]bool{0: true, 1: true, 6: true, 45: true}

// nalSize is the number of bytes of a NAL unit's length in the samples of an avc1 track.
func (e entry) nalSize() int { return int(e.config[4]&3) + 1 }

// firstSlice returns the type of the first slice in a sample of H.264, or in the beginning
// of one; 0 when there is none. Of a keyframe it must be nalIDR: others, which open GOPs
// begin with, can be decoded from there on but for some pictures that are shown before them.
func firstSlice(p []byte, size int) int {
	for len(p) > size {
		n := 0
		for _, b := range p[:size] {
			n = n<<8 | int(b)
		}
		if kind := int(p[size] & 31); n > 0 && kind >= 1 && kind <= nalIDR {
			return kind
		}
		if n < 0 || n > len(p)-size { // below zero where an int has 32 bits
			return 0
		}
		p = p[size+n:]
	}
	return 0
}

// scrub removes private data from a sample of H.264 in place. Size is that of the length
// ahead of each NAL unit.
func scrub(p []byte, size int) error {
	for len(p) >= size {
		n := 0
		for _, b := range p[:size] {
			n = n<<8 | int(b)
		}
		p = p[size:]
		if n < 0 || n > len(p) {
			return fmt.Errorf("%w: a picture's parts are longer than it", ErrFormat)
		}
		if n > 0 {
			scrubUnit(p[:n])
		}
		p = p[n:]
	}
	return nil
}

func scrubUnit(nal []byte) {
	switch kind := nal[0] & 31; {
	case kind == 0 || kind >= nalUnspecified:
		fill(nal[1:])
	case kind == nalSEI:
		scrubSEI(nal)
	}
}

func fill(p []byte) {
	for i := range p {
		p[i] = 0xff
	}
}

// scrubSEI keeps the useful messages of an SEI unit and makes the rest a filler message.
// Where they do not fit, nothing is kept.
func scrubSEI(nal []byte) {
	kept, private := []byte(nil), true
	if len(nal) <= maxSEI {
		kept, private = messages(unescape(nal[1:]))
	}
	if !private {
		return
	}
	// Escaping may take a byte or two more where useful messages end in zeros.
	for room := len(nal) - 2 - len(kept); room >= 2; room-- {
		made := escape(append(appendFiller(bytes.Clone(kept), room), 0x80))
		if len(made) == len(nal)-1 {
			copy(nal[1:], made)
			return
		}
		if len(made) < len(nal)-1 {
			break
		}
	}
	if len(nal) >= 4 {
		copy(nal[1:], append(appendFiller(nil, len(nal)-2), 0x80))
	}
}

// messages returns the useful messages of an SEI payload, and whether there are others.
func messages(p []byte) (kept []byte, private bool) {
	for len(p) > 1 {
		rest := p
		kind, size := 0, 0
		for _, n := range []*int{&kind, &size} {
			for len(rest) > 0 && rest[0] == 0xff {
				*n, rest = *n+0xff, rest[1:]
			}
			if len(rest) == 0 {
				return kept, true
			}
			*n, rest = *n+int(rest[0]), rest[1:]
		}
		if size > len(rest) {
			return kept, true
		}
		end := len(p) - len(rest) + size
		if useful[kind] {
			kept = append(kept, p[:end]...)
		} else {
			private = private || kind != seiFiller
		}
		p = p[end:]
	}
	return kept, private
}

// appendFiller appends filler messages of n bytes in all, heads included; n is 2 or more.
func appendFiller(b []byte, n int) []byte {
	size := n - 2
	size -= size / 256 // a size of 255 and more takes further bytes
	if size+size/255 != n-2 {
		// Between 254 and 255 bytes of content the head grows, and one length is left out.
		return appendFiller(appendFiller(b, 2), n-2)
	}
	b = append(b, seiFiller)
	for range size / 255 {
		b = append(b, 0xff)
	}
	b = append(b, byte(size%255))
	for range size {
		b = append(b, 0xff)
	}
	return b
}

// escape adds the emulation prevention bytes that unescape removes (7.4.1).
func escape(b []byte) []byte {
	made := make([]byte, 0, len(b)+2)
	zeros := 0
	for _, c := range b {
		if zeros == 2 && c <= 3 {
			made, zeros = append(made, 3), 0
		}
		made = append(made, c)
		if zeros++; c != 0 {
			zeros = 0
		}
	}
	return made
}
