package fmp4

import (
	"context"
	"fmt"
	"io"
	"os"
)

// Remux writes the H.264 and AAC of the MP4 or MOV at path to w in a rendition's layout,
// without its metadata, neither the file's nor what cameras put between the pictures. What it cannot do without ffmpeg is an error that wraps
// ErrUnsupported. Its memory does not grow with the file's length but for a few bytes a
// fragment.
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
			s.scrub = func(frame []byte) error { return scrub(frame, size) }
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
	case t.Kind == Video && t.rotation != 0:
		return fmt.Errorf("%w: the video is turned by %d degrees", ErrUnsupported, t.rotation)
	case t.Kind == Audio && t.Codec != "mp4a.40.2":
		return fmt.Errorf("%w: the audio is %s", ErrUnsupported, t.Codec)
	}
	return nil
}
