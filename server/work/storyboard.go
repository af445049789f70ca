package work

import (
	"context"
	"fmt"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

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
