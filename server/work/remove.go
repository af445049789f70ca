package work

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tubelet/tubelet/store"
)

// tidy removes an original once every rendition is made and one was copied from it, unless
// the creator wants originals kept. Without such a copy it stays, as the only one that is
// as good as what the creator gave.
func tidy(ctx context.Context, t *task) error {
	copied := slices.ContainsFunc(t.media.Renditions, func(r store.Rendition) bool { return r.Copied })
	always, err := t.keepsOriginals(ctx)
	if err != nil || always || !copied || t.media.SourceFile == "" || t.media.State != store.Done {
		return err
	}
	jobs, err := t.store.Jobs(ctx, store.JobList{Video: t.job.Video, Open: true})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Rev == t.job.Rev && j.ID != t.job.ID && j.Kind != kindRemove {
			return &waitError{"waiting for the other jobs of this video", 10 * time.Minute}
		}
	}
	return t.placing(ctx, func(ctx context.Context) error {
		err := t.record(ctx, func(ctx context.Context) error { return t.store.ForgetSource(ctx, t.job.Video, t.job.Rev) })
		if err != nil {
			return err
		}
		return os.Remove(filepath.Join(t.revDir(t.job.Video, t.job.Rev), t.media.SourceFile))
	})
}

// removeObsolete removes the files of the revisions that were replaced, then their rows.
func removeObsolete(ctx context.Context, t *task) error {
	refs, err := t.store.ObsoleteMedia(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.Video != t.job.Video {
			continue
		}
		if err := os.RemoveAll(t.revDir(ref.Video, ref.Rev)); err != nil {
			return err
		}
		err := t.record(ctx, func(ctx context.Context) error { return t.store.ForgetMedia(ctx, ref) })
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Remove deletes a video and its files. Its running job notices and stops.
func (w *Worker) Remove(ctx context.Context, id string) error {
	return w.placing(ctx, func(ctx context.Context) error {
		err := w.record(ctx, func(ctx context.Context) error { return w.store.DeleteVideo(ctx, id) })
		if err != nil {
			return err
		}
		return os.RemoveAll(w.path("videos", id))
	})
}
