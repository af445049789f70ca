package work

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// SetThumbnail gives a video a poster: an image file or a time such as 1:23.
func (w *Worker) SetThumbnail(ctx context.Context, id, arg string) error {
	want, err := check.ReadThumbnail(arg)
	if err != nil {
		return err
	}
	if !want.Given {
		return &InputError{What: "thumbnail", Err: errors.New("give an image file or a time such as 1:23")}
	}
	rev, err := w.latest(ctx, id)
	if err != nil {
		return err
	}
	m, err := w.store.MediaRev(ctx, id, rev)
	if err != nil {
		return err
	}
	if m.Duration > 0 && want.At >= m.Duration {
		return &InputError{What: "thumbnail", Err: fmt.Errorf("the video ends at %v: give an earlier time", m.Duration.Round(time.Second))}
	}
	g, err := w.openIngest(ctx, nil)
	if err != nil {
		return err
	}
	defer g.close()
	var src media.Source
	if want.Image == "" {
		if src, err = w.media.Probe(ctx, filepath.Join(w.revDir(id, rev), w.sourceFile(m))); err != nil {
			return err
		}
	}
	file, width, height, err := w.poster(ctx, src, want, g.dir)
	if err != nil {
		return err
	}
	return w.placePoster(ctx, id, rev, filepath.Join(g.dir, file), m.Poster, width, height)
}

// placePoster puts a new poster in the place of the old one. It has another name, since
// its name is in caches for ever.
func (w *Worker) placePoster(ctx context.Context, id string, rev int, from, old string, width, height int) error {
	if err := disk.Sync(from); err != nil {
		return err
	}
	file, dir := filepath.Base(from), w.revDir(id, rev)
	return w.placing(ctx, func(ctx context.Context) error {
		if err := disk.Place(from, filepath.Join(dir, file)); err != nil {
			return err
		}
		err := w.record(ctx, func(ctx context.Context) error { return w.store.SetPoster(ctx, id, rev, file, width, height) })
		if err == nil && old != "" && old != file {
			err = os.Remove(filepath.Join(dir, old))
		}
		return err
	})
}

// latest returns the number of a video's newest revision.
func (w *Worker) latest(ctx context.Context, id string) (int, error) {
	next, err := w.store.NextRev(ctx, id)
	return next - 1, err
}

// AddCaption adds a subtitle file, or replaces the one of that language.
func (w *Worker) AddCaption(ctx context.Context, id, lang, path string) error {
	c, err := check.ReadCaption(lang, path)
	if err != nil {
		return err
	}
	g, err := w.openIngest(ctx, nil)
	if err != nil {
		return err
	}
	defer g.close()
	file := filepath.Join(g.dir, c.Row.File)
	if err := disk.WriteFile(file, c.VTT); err != nil {
		return err
	}
	return w.placeCaption(ctx, id, file, c.Row, true)
}

// ReadChapters reads and checks a chapter file, for edit.
func ReadChapters(path string) ([]store.Chapter, error) { return check.ReadChapters(path) }

// Retry queues a failed or waiting job again, now.
func (w *Worker) Retry(ctx context.Context, job int64) error {
	return w.record(ctx, func(ctx context.Context) error { return w.store.RetryJob(ctx, job) })
}

// Cancel gives a job up; when it runs, its process stops within seconds. What plays, plays on.
func (w *Worker) Cancel(ctx context.Context, job int64) error {
	return w.record(ctx, func(ctx context.Context) error {
		j, err := w.store.Job(ctx, job)
		if err != nil {
			return err
		}
		if err := w.store.CancelJob(ctx, job); err != nil {
			return err
		}
		if k, ok := findKind(j.Kind); !ok || !k.vital {
			return nil
		}
		return w.store.SetMediaFailed(ctx, j.Video, j.Rev, "cancelled")
	})
}
