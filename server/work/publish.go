package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// Publish ingests a file in the calling process and returns once the video's row is committed;
// what remains is jobs (see Follow). Errors: *InputError, *media.RefusedError,
// *store.DuplicateError, *SpaceError. Nothing is left behind by a failed one.
func (w *Worker) Publish(ctx context.Context, p Publish, report func(Event)) (store.Video, error) {
	in, err := w.checkInput(ctx, p)
	if err != nil {
		return store.Video{}, err
	}
	g, err := w.openIngest(ctx, report)
	if err != nil {
		return store.Video{}, err
	}
	defer g.close()
	if err := g.read(ctx, p); err != nil {
		return store.Video{}, err
	}
	v, err := in.complete(g)
	if err != nil {
		return store.Video{}, err
	}
	folder := filepath.Join(g.dir, "video")
	if err := in.storeCaptions(folder); err != nil {
		return store.Video{}, g.spaceError(err)
	}
	var jobs []store.Job
	if v.Media, jobs, err = g.make(ctx, filepath.Join(folder, "1"), in.poster); err != nil {
		return store.Video{}, g.spaceError(err)
	}
	create := func(ctx context.Context) error {
		return w.store.CreateVideo(ctx, store.NewVideo{Video: v, Jobs: owned(jobs, v.ID, 1)})
	}
	err = w.placing(ctx, func(ctx context.Context) error {
		return w.commit(ctx, folder, w.path("videos", v.ID), create)
	})
	if err != nil {
		return store.Video{}, g.spaceError(err)
	}
	return g.finish(ctx, v.ID, v.Media)
}

// Replace gives a video a new file (path, or stdin when path is empty); the old one is served
// until the new one is watchable. It returns the number of the new revision.
func (w *Worker) Replace(ctx context.Context, id, path string, stdin io.Reader, report func(Event)) (store.Video, int, error) {
	if _, err := w.store.Video(ctx, id); err != nil {
		return store.Video{}, 0, err
	}
	g, err := w.openIngest(ctx, report)
	if err != nil {
		return store.Video{}, 0, err
	}
	defer g.close()
	g.id = id
	if err := g.read(ctx, Publish{Path: path, Stdin: stdin}); err != nil {
		return store.Video{}, 0, err
	}
	folder := filepath.Join(g.dir, "new", "rev")
	m, jobs, err := g.make(ctx, folder, check.Thumbnail{})
	if err == nil {
		m.Rev, err = w.commitRevision(ctx, folder, id, m, jobs)
	}
	if err != nil {
		return store.Video{}, 0, g.spaceError(err)
	}
	v, err := g.finish(ctx, id, m)
	return v, m.Rev, err
}

// commit moves a synced folder to its place and records it there. Who dies in between leaves
// a folder that no row names. The place lock is held.
func (w *Worker) commit(ctx context.Context, from, to string, row func(context.Context) error) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := disk.Move(from, to); err != nil {
		return err
	}
	if err := w.record(ctx, row); err != nil {
		return errors.Join(err, os.RemoveAll(to))
	}
	return nil
}

// commitRevision does the same for a further revision, whose number it finds.
func (w *Worker) commitRevision(ctx context.Context, folder, id string, m store.Media, jobs []store.Job) (int, error) {
	err := w.placing(ctx, func(ctx context.Context) error {
		var err error
		if m.Rev, err = w.store.NextRev(ctx, id); err != nil {
			return err
		}
		to := w.path("videos", id, strconv.Itoa(m.Rev))
		// No row has that number, so what is there was left by a killed process.
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		return w.commit(ctx, folder, to, func(ctx context.Context) error {
			return w.store.CreateMedia(ctx, id, m, owned(jobs, id, m.Rev))
		})
	})
	return m.Rev, err
}

// finish reports what was committed. An interrupt from here on loses nothing, so it is left
// to who follows.
func (g *ingest) finish(ctx context.Context, id string, m store.Media) (store.Video, error) {
	v, err := g.w.store.Video(context.WithoutCancel(ctx), id)
	if err == nil && m.State != store.Processing {
		g.report(Event{Kind: EventWatchable, Video: v})
	}
	return v, err
}

// DryRun tells what Publish would do and writes nothing.
func (w *Worker) DryRun(ctx context.Context, p Publish) (DryRun, error) {
	if p.Path == "" {
		return DryRun{}, &InputError{What: "file", Err: errors.New("a dry run stores nothing, so it cannot read standard input: name a file")}
	}
	in, err := w.checkInput(ctx, p)
	if err != nil {
		return DryRun{}, err
	}
	g := &ingest{w: w, report: func(Event) {}}
	defer g.stopHash()
	d := DryRun{}
	err = g.read(ctx, p)
	var known *store.DuplicateError
	var space *SpaceError
	switch {
	case errors.As(err, &known):
		d.Duplicate = known.ID
	case err != nil && !errors.As(err, &space):
		return d, err
	}
	v, err := in.complete(g)
	if err == nil && in.poster.Image != "" {
		err = badPicture(in.poster.Image, w.media.CheckImage(ctx, in.poster.Image))
	}
	if err != nil {
		return d, err
	}
	d.Title, d.Source, d.Plan, d.Keeps, d.Needed = v.Title, g.src, g.plan, g.keep, g.needed()+roomToWork
	d.Free, err = disk.Free(w.data)
	return d, err
}

// input is a Publish whose every part was read and found good.
type input struct {
	video    store.Video // without media
	title    string      // as given
	captions []check.Subtitles
	poster   check.Thumbnail
}

// checkInput reads and checks everything in p but the video file itself.
func (w *Worker) checkInput(ctx context.Context, p Publish) (*input, error) {
	in := &input{}
	v := &in.video
	v.PublishAt = p.At
	if err := in.texts(p); err != nil {
		return nil, err
	}
	var err error
	if v.Visibility, err = check.Visibility(p.Visibility, p.At); err != nil {
		return nil, err
	}
	if v.Tags, err = check.Tags(p.Tags); err != nil {
		return nil, err
	}
	if v.P2P, err = check.P2P(p.P2P); err != nil {
		return nil, err
	}
	if v.Commenting, err = check.Commenting(p.Commenting); err != nil {
		return nil, err
	}
	if v.Language, err = check.Language("language", p.Language); err != nil {
		return nil, err
	}
	for _, lang := range slices.Sorted(maps.Keys(p.Captions)) {
		c, err := check.ReadCaption(lang, p.Captions[lang])
		if err != nil {
			return nil, err
		}
		in.captions = append(in.captions, c)
		v.Captions = append(v.Captions, c.Row)
	}
	if p.Chapters != "" {
		if v.Chapters, err = check.ReadChapters(p.Chapters); err != nil {
			return nil, err
		}
	}
	if in.poster, err = check.ReadThumbnail(p.Thumbnail); err != nil {
		return nil, err
	}
	return in, w.defaults(ctx, v)
}

// texts takes over what the creator wrote, unless it is too long.
func (in *input) texts(p Publish) (err error) {
	if in.title, err = check.Given("title", p.Title, check.MaxTitle); err != nil {
		return err
	}
	if in.video.Description, err = check.GivenText("description", p.Description, check.MaxDescription); err != nil {
		return err
	}
	if in.video.License, err = check.Given("license", p.License, check.MaxLicense); err != nil {
		return err
	}
	in.video.Warning, err = check.Given("warning", p.Warning, check.MaxWarning)
	return err
}

// defaults fills in what the channel and the settings say.
func (w *Worker) defaults(ctx context.Context, v *store.Video) error {
	channel, err := w.store.Channel(ctx)
	if err != nil {
		return fmt.Errorf("load channel: %w", err)
	}
	if v.Language == "" {
		v.Language = channel.Language
	}
	if v.License == "" {
		if v.License, err = w.store.Setting(ctx, "license"); err != nil {
			return err
		}
	}
	downloads, err := w.store.Setting(ctx, "downloads")
	v.Downloads = downloads != "none"
	return err
}

// complete says of the video what its file tells.
func (in *input) complete(g *ingest) (store.Video, error) {
	v := in.video
	v.ID, v.CreatedAt = store.NewID(), time.Now()
	v.Title = check.Title(in.title, g.src.Title, g.name)
	if len(v.Chapters) == 0 {
		v.Chapters = check.FromText(v.Description)
	}
	if len(v.Chapters) == 0 {
		for _, c := range g.src.Chapters {
			v.Chapters = append(v.Chapters, store.Chapter{Start: c.Start, Title: c.Title})
		}
	}
	length := g.src.Duration
	if length == 0 { // nobody could look inside
		return v, nil
	}
	if err := check.Chapters(in.video.Chapters, length); err != nil {
		return v, err
	}
	for _, c := range in.captions {
		if err := c.Within(length); err != nil {
			return v, err
		}
	}
	v.Chapters = slices.DeleteFunc(v.Chapters, func(c store.Chapter) bool { return c.Start >= length })
	for i := range v.Chapters {
		v.Chapters[i].Title = check.Line(v.Chapters[i].Title, check.MaxTitle)
	}
	if in.poster.Given && in.poster.At >= length {
		return v, &InputError{What: "thumbnail", Err: fmt.Errorf("the video ends at %v: give an earlier time", length.Round(time.Second))}
	}
	return v, nil
}

// storeCaptions writes the captions into the folder that will be the video's.
func (in *input) storeCaptions(folder string) error {
	dir := filepath.Join(folder, "captions")
	if len(in.captions) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, c := range in.captions {
		if err := disk.WriteFile(filepath.Join(dir, c.Row.File), c.VTT); err != nil {
			return err
		}
	}
	return nil
}
