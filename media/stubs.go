package media

import (
	"context"
	"errors"
	"time"
)

// Probe looks at the file at path.
func (m *Maker) Probe(ctx context.Context, path string) (Source, error) {
	return Source{}, errors.ErrUnsupported
}

// Copy makes the top rendition by stream copy.
func (m *Maker) Copy(ctx context.Context, src Source, dir string, report func(Progress)) (Rendition, error) {
	return Rendition{}, errors.ErrUnsupported
}

// Encode makes the given rungs; what an earlier, interrupted call finished in dir is kept.
func (m *Maker) Encode(ctx context.Context, src Source, rungs []Rung, dir string, report func(Progress)) ([]Rendition, error) {
	return nil, errors.ErrUnsupported
}

// Audio makes an audio-only rendition of track, an index of src.Audio. Track 0 is the
// rendition of an audio-only source; of a video the others are its alternative languages.
func (m *Maker) Audio(ctx context.Context, src Source, track int, dir string, report func(Progress)) (Rendition, error) {
	return Rendition{}, errors.ErrUnsupported
}

// Poster makes the picture shown before play; at < 0 chooses a good frame.
func (m *Maker) Poster(ctx context.Context, src Source, at time.Duration, dir string) (file string, w, h int, err error) {
	return "", 0, 0, errors.ErrUnsupported
}

// PosterFromImage makes a poster of a JPEG, PNG or WebP file.
func (m *Maker) PosterFromImage(ctx context.Context, path, dir string) (file string, w, h int, err error) {
	return "", 0, 0, errors.ErrUnsupported
}

// Storyboard makes the pictures for the preview over the scrubber.
func (m *Maker) Storyboard(ctx context.Context, src Source, dir string) (Storyboard, error) {
	return Storyboard{}, errors.ErrUnsupported
}

// Subtitles takes the text tracks out of src.
func (m *Maker) Subtitles(ctx context.Context, src Source, dir string) ([]Caption, error) {
	return nil, errors.ErrUnsupported
}
