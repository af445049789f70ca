package work

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// takeSubtitles takes the text tracks out of the source, in the languages for which the
// creator has given no captions.
func takeSubtitles(ctx context.Context, t *task) error {
	if err := t.open(); err != nil {
		return err
	}
	src, err := t.source(ctx)
	if err != nil {
		return err
	}
	t.report(media.Progress{Stage: "taking out subtitles"})
	found, err := t.Worker.media.Subtitles(ctx, src, t.dir)
	if err != nil {
		return fmt.Errorf("take subtitles: %w", err)
	}
	for _, c := range found {
		if err := t.addSubtitles(ctx, c); err != nil {
			return fmt.Errorf("add captions %s: %w", c.Language, err)
		}
	}
	return nil
}

func (t *task) addSubtitles(ctx context.Context, c media.Caption) error {
	path := filepath.Join(t.dir, c.File)
	vtt, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	row := store.Caption{Language: c.Language, Label: c.Label, File: check.CaptionFile(c.Language, vtt)}
	if row.Label == "" {
		row.Label = check.LanguageName(c.Language)
	}
	return t.placeCaption(ctx, t.job.Video, path, row, false)
}

// placeCaption puts a caption file of ours in its place, instead of the one of that language
// when replace is set, else only where there is none.
func (w *Worker) placeCaption(ctx context.Context, id, from string, row store.Caption, replace bool) error {
	if err := disk.Sync(from); err != nil {
		return err
	}
	return w.placing(ctx, func(ctx context.Context) error {
		v, err := w.store.Video(ctx, id)
		if err != nil {
			return err
		}
		same := func(c store.Caption) bool { return c.Language == row.Language }
		if !replace && slices.ContainsFunc(v.Captions, same) {
			return nil
		}
		dir := w.path("videos", id, "captions")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := disk.Sync(filepath.Dir(dir)); err != nil {
			return err
		}
		if err := disk.Place(from, filepath.Join(dir, row.File)); err != nil {
			return err
		}
		var old string
		err = w.record(ctx, func(ctx context.Context) (err error) {
			old, err = w.store.AddCaption(ctx, id, row)
			return err
		})
		if err == nil && old != "" && old != row.File {
			err = os.Remove(filepath.Join(dir, old))
		}
		return err
	})
}
