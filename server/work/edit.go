package work

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// Edit is what a creator wants of a video that there is.
type Edit struct {
	Video          store.Video       // as it is to be; captions and media are not looked at
	Thumbnail      string            // an image file, or a time such as 1:23
	Captions       map[string]string // language → subtitle file, WebVTT or SubRip
	RemoveCaptions []string          // languages
}

// Edit changes the video that was loaded as before. All of it is checked and all files are
// made before anything is stored, and then it is stored at once: when Edit fails, nothing
// was changed.
func (w *Worker) Edit(ctx context.Context, before store.Video, e Edit) error {
	c, err := w.checkEdit(ctx, before, e)
	if err != nil {
		return err
	}
	g, err := w.openIngest(ctx, nil)
	if err != nil {
		return err
	}
	defer g.close()
	if err := c.make(ctx, g); err != nil {
		return err
	}
	return w.placing(ctx, func(ctx context.Context) error { return c.commit(ctx, g) })
}

// editing is an Edit whose every part was read and found good.
type editing struct {
	row      store.VideoEdit
	media    store.Media // the newest revision
	captions []check.Subtitles
	poster   check.Thumbnail
}

func (w *Worker) checkEdit(ctx context.Context, before store.Video, e Edit) (*editing, error) {
	c := &editing{}
	var err error
	if c.row.Video, err = check.Edited(before, e.Video); err != nil {
		return nil, err
	}
	if err := w.newest(ctx, c, before.ID); err != nil {
		return nil, err
	}
	if err := c.fitChapters(before, e.Video.Chapters); err != nil {
		return nil, err
	}
	for _, lang := range slices.Sorted(maps.Keys(e.Captions)) {
		s, err := check.ReadCaption(lang, e.Captions[lang])
		if err != nil {
			return nil, err
		}
		if err := s.Within(c.media.Duration); err != nil {
			return nil, err
		}
		c.captions, c.row.Add = append(c.captions, s), append(c.row.Add, s.Row)
	}
	if c.row.Remove, err = check.Captions(before, e.RemoveCaptions); err != nil {
		return nil, err
	}
	if c.poster, err = check.ReadThumbnail(e.Thumbnail); err != nil || !c.poster.Given {
		return c, err
	}
	c.row.Rev = c.media.Rev
	if c.media.Duration > 0 && c.poster.At >= c.media.Duration {
		return nil, &InputError{What: "thumbnail", Err: fmt.Errorf("the video ends at %v: give an earlier time", c.media.Duration.Round(time.Second))}
	}
	return c, nil
}

// fitChapters refuses new chapters that begin after the end, and leaves out those that a
// description merely mentions.
func (c *editing) fitChapters(before store.Video, given []store.Chapter) error {
	now := &c.row.Video
	if c.media.Duration == 0 || slices.Equal(before.Chapters, now.Chapters) {
		return nil
	}
	told := check.FromText(now.Description)
	if !slices.Equal(given, before.Chapters) && !slices.Equal(given, told) {
		return check.Chapters(now.Chapters, c.media.Duration)
	}
	now.Chapters = slices.DeleteFunc(slices.Clone(now.Chapters), func(ch store.Chapter) bool { return ch.Start >= c.media.Duration })
	return nil
}

// newest loads the newest revision, which what is said in times has to fit.
func (w *Worker) newest(ctx context.Context, c *editing, id string) error {
	rev, err := w.store.NewestRev(ctx, id)
	if err == nil {
		c.media, err = w.store.MediaRev(ctx, id, rev)
	}
	return err
}

// make makes the files in g's folder.
func (c *editing) make(ctx context.Context, g *ingest) error {
	for _, s := range c.captions {
		if err := disk.WriteFile(filepath.Join(g.dir, s.Row.File), s.VTT); err != nil {
			return err
		}
	}
	if !c.poster.Given {
		return nil
	}
	var src media.Source
	var err error
	if c.poster.Image == "" {
		src, err = g.w.media.Probe(ctx, filepath.Join(g.w.revDir(c.row.Video.ID, c.row.Rev), g.w.SourceFile(c.media)))
		if err != nil {
			return err
		}
	}
	if c.row.Poster, err = g.w.poster(ctx, src, c.poster, g.dir); err != nil {
		return err
	}
	for _, file := range pictures(c.row.Poster) {
		err = errors.Join(err, disk.Sync(filepath.Join(g.dir, file)))
	}
	return err
}

// pictures lists a poster's files.
func pictures(p store.Poster) []string {
	return slices.DeleteFunc([]string{p.File, p.Thumb}, func(file string) bool { return file == "" })
}

// commit brings the files to their places, stores the rows, and removes what they replace.
// Each new file has a name of its own, since names are in caches for ever.
func (c *editing) commit(ctx context.Context, g *ingest) error {
	if _, err := g.w.store.Video(ctx, c.row.Video.ID); err != nil {
		return err // removed meanwhile
	}
	folder := g.w.path("videos", c.row.Video.ID)
	texts, revision := filepath.Join(folder, "captions"), g.w.revDir(c.row.Video.ID, c.row.Rev)
	if len(c.captions) > 0 {
		if err := errors.Join(os.MkdirAll(texts, 0o700), disk.Sync(folder)); err != nil {
			return err
		}
	}
	for _, s := range c.captions {
		if err := disk.Place(filepath.Join(g.dir, s.Row.File), filepath.Join(texts, s.Row.File)); err != nil {
			return err
		}
	}
	for _, file := range pictures(c.row.Poster) {
		if err := disk.Place(filepath.Join(g.dir, file), filepath.Join(revision, file)); err != nil {
			return err
		}
	}
	var old []string
	err := g.w.record(ctx, func(ctx context.Context) (err error) {
		old, err = g.w.store.EditVideo(ctx, c.row)
		return err
	})
	if err != nil {
		return err
	}
	for i := range old {
		old[i] = filepath.Join(texts, old[i])
	}
	if now := pictures(c.row.Poster); len(now) > 0 {
		for _, was := range pictures(store.Poster{File: c.media.Poster, Thumb: c.media.Thumb}) {
			if !slices.Contains(now, was) {
				old = append(old, filepath.Join(revision, was))
			}
		}
	}
	g.w.discard(old)
	return nil
}

// discard removes files that no row names any more. What stays, the next sweep finds.
func (w *Worker) discard(paths []string) {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.log.Warn("old file not removed", "path", path, "err", err)
		}
	}
}

// ReadChapters reads and checks a chapter file, for edit.
func ReadChapters(path string) ([]store.Chapter, error) { return check.ReadChapters(path) }

// Retry queues a failed or waiting job again, now.
func (w *Worker) Retry(ctx context.Context, job int64) error {
	return w.onJob(ctx, job, w.store.RetryJob)
}

// Cancel gives a job up; when it runs, its process stops within seconds. What plays, plays on.
func (w *Worker) Cancel(ctx context.Context, job int64) error {
	return w.onJob(ctx, job, w.store.CancelJob)
}

// onJob does to a job, and to its revision where the job is vital to that, what the creator asked.
func (w *Worker) onJob(ctx context.Context, id int64, do func(context.Context, int64, bool) error) error {
	j, err := w.store.Job(ctx, id)
	if err != nil {
		return err
	}
	k, _ := findKind(j.Kind)
	return w.record(ctx, func(ctx context.Context) error { return do(ctx, id, k.vital) })
}
