package work

import (
	"context"
	"errors"
	"fmt"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/store"
)

// makePoster chooses a good frame where the creator gave no picture.
func makePoster(ctx context.Context, t *task) error {
	if t.media.Poster != "" {
		return nil
	}
	if err := t.open(); err != nil {
		return err
	}
	src, err := t.source(ctx)
	if err != nil {
		return err
	}
	t.report(media.Progress{Stage: "choosing a picture"})
	p, err := t.Worker.media.Poster(ctx, src, -1, t.dir)
	if err != nil {
		return fmt.Errorf("make poster: %w", err)
	}
	return t.place(ctx, pictures(store.Poster(p)), func(ctx context.Context) error {
		return t.store.SetPoster(ctx, t.job.Video, t.job.Rev, store.Poster(p))
	})
}

// poster makes the poster that was asked for, and none when none was.
func (w *Worker) poster(ctx context.Context, src media.Source, t check.Thumbnail, dir string) (p store.Poster, err error) {
	var made media.Picture
	switch {
	case !t.Given:
		return p, nil
	case t.Image != "":
		made, err = w.media.PosterFromImage(ctx, t.Image, dir)
	default:
		made, err = w.media.Poster(ctx, src, t.At, dir)
	}
	if err := badPicture(t.Image, err); err != nil {
		return p, err
	}
	return store.Poster(made), nil
}

// badPicture says of what went wrong with a thumbnail which file is to blame. It is no
// *media.RefusedError: that one is about the video.
func badPicture(file string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, media.ErrNoFFmpeg) {
		return &InputError{What: "thumbnail", Err: fmt.Errorf("%w: install it (apt install ffmpeg), or set the picture later", err)}
	}
	if refused, ok := errors.AsType[*media.RefusedError](err); ok && file != "" {
		return &InputError{What: "thumbnail", Err: fmt.Errorf("%s: %s", file, refused.Reason)}
	}
	return fmt.Errorf("make thumbnail: %w", err)
}

// makeStoryboard makes the pictures over the scrubber.
func makeStoryboard(ctx context.Context, t *task) error {
	if t.media.Storyboard.File != "" {
		return nil
	}
	if err := t.open(); err != nil {
		return err
	}
	src, err := t.source(ctx)
	if err != nil {
		return err
	}
	t.report(media.Progress{Stage: "making preview pictures"})
	b, err := t.Worker.media.Storyboard(ctx, src, t.dir)
	if err != nil {
		return fmt.Errorf("make storyboard: %w", err)
	}
	return t.place(ctx, []string{b.File, b.VTT}, func(ctx context.Context) error {
		return t.store.SetStoryboard(ctx, t.job.Video, t.job.Rev, store.Storyboard(b))
	})
}
