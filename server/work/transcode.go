package work

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// transcode makes the first rendition of a source that could not be copied when it was
// published: the one that makes the video watchable soonest.
func transcode(ctx context.Context, t *task) error {
	if len(t.media.Renditions) > 0 {
		return nil // recorded before a kill; what follows is queued
	}
	src, plan, err := t.plan(ctx)
	if err != nil {
		return err
	}
	if err := t.describe(ctx, src); err != nil {
		return err
	}
	if plan.Copy {
		err = t.copyTop(ctx, src, plan)
		if !errors.Is(err, media.ErrNotCopyable) {
			return err
		}
		plan = t.withoutCopy(ctx, src)
	}
	if !src.HasVideo {
		return t.sound(ctx, src, plan, 0)
	}
	return t.encode(ctx, src, plan, plan.First)
}

// ladder makes what the plan holds beside the first rendition.
func ladder(ctx context.Context, t *task) error {
	if t.media.State == store.Done {
		return nil
	}
	src, plan, err := t.plan(ctx)
	if err != nil {
		return err
	}
	if remaining(plan, src, t.media.Renditions).copy {
		err = t.copyTop(ctx, src, plan)
		if errors.Is(err, media.ErrNotCopyable) {
			plan, err = t.withoutCopy(ctx, src), nil
		}
		if err != nil {
			return err
		}
	}
	left := remaining(plan, src, t.media.Renditions)
	if left.none() { // also when the settings want fewer than before
		return t.made(ctx, src, plan)
	}
	if len(left.heights) > 0 {
		if err := t.encode(ctx, src, plan, left.heights); err != nil {
			return err
		}
	}
	for _, track := range left.audio {
		if err := t.sound(ctx, src, plan, track); err != nil {
			return err
		}
	}
	return nil
}

// plan looks at the source again: the settings, and what ffmpeg can see, may have changed.
func (t *task) plan(ctx context.Context) (media.Source, media.Plan, error) {
	if err := t.open(); err != nil {
		return media.Source{}, media.Plan{}, err
	}
	if !t.Worker.media.Available() {
		return media.Source{}, media.Plan{}, media.ErrNoFFmpeg
	}
	src, err := t.source(ctx)
	if err != nil {
		return src, media.Plan{}, err
	}
	limit, err := t.maxHeight(ctx)
	return src, t.Worker.media.Plan(src, limit), err
}

// withoutCopy plans for a source whose streams turned out not to be copyable.
func (t *task) withoutCopy(ctx context.Context, src media.Source) media.Plan {
	src.KeyframeGap = 0 // unknown, which is reason enough to encode
	limit, _ := t.maxHeight(ctx)
	return t.Worker.media.Plan(src, limit)
}

// describe records what the source is, where nobody could look inside before.
func (t *task) describe(ctx context.Context, src media.Source) error {
	if t.media.HasVideo || t.media.HasAudio {
		return nil
	}
	setFacts(&t.media, src)
	return t.record(ctx, func(ctx context.Context) error {
		return t.store.SetFacts(ctx, t.job.Video, t.job.Rev, t.media)
	})
}

func (t *task) copyTop(ctx context.Context, src media.Source, plan media.Plan) error {
	if err := t.roomFor(src.Bytes); err != nil {
		return err
	}
	r, err := t.Worker.media.Copy(ctx, src, t.dir, t.report)
	if err != nil {
		return fmt.Errorf("copy streams: %w", err)
	}
	return t.made(ctx, src, plan, r)
}

func (t *task) encode(ctx context.Context, src media.Source, plan media.Plan, heights []int) error {
	rungs := plan.Select(heights)
	if err := t.roomFor(2 * encodedBytes(rungs, src)); err != nil { // the parts, and what they are joined to
		return err
	}
	made, err := t.Worker.media.Encode(ctx, src, rungs, t.dir, t.report)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return t.made(ctx, src, plan, made...)
}

// encodedBytes estimates what encoded rungs take: less than their capped rate.
func encodedBytes(rungs []media.Rung, src media.Source) int64 {
	var bytes float64
	for _, r := range rungs {
		if !r.Copy {
			bytes += 0.6 * float64(r.MaxRate) / 8 * src.Duration.Seconds()
		}
	}
	return int64(bytes)
}

// sound makes an audio-only rendition: all there is of a source without picture, or an
// alternative language.
func (t *task) sound(ctx context.Context, src media.Source, plan media.Plan, track int) error {
	r, err := t.Worker.media.Audio(ctx, src, track, t.dir, t.report)
	if err != nil {
		return fmt.Errorf("encode sound: %w", err)
	}
	if !src.HasVideo {
		r.Language = ""
	}
	return t.made(ctx, src, plan, r)
}

// made places renditions and records them. With the first ones the jobs that follow are
// queued, in the same transaction, so that they are queued once whatever happens.
func (t *task) made(ctx context.Context, src media.Source, plan media.Plan, list ...media.Rendition) error {
	first := len(t.media.Renditions) == 0
	var rows []store.Rendition
	var files []string
	for _, r := range list {
		rows = append(rows, rendition(r))
		files = append(files, r.File, r.Playlist)
	}
	t.media.Renditions = append(t.media.Renditions, rows...)
	left := remaining(plan, src, t.media.Renditions)
	var jobs []store.Job
	switch {
	case first:
		jobs = following(t.media, src, t.job.Rev > 1, left)
	case left.none() && t.media.SourceFile != "" && t.media.State != store.Done:
		jobs = []store.Job{newJob(kindTidy)}
	}
	if !first && len(list) > 0 {
		jobs = append(jobs, newJob(kindTorrents))
	}
	if left.none() {
		t.media.State = store.Done
	}
	return t.place(ctx, files, func(ctx context.Context) error {
		return t.store.AddRenditions(ctx, t.job.Video, t.job.Rev, rows, left.none(), owned(jobs, t.job.Video, t.job.Rev))
	})
}

// roomFor puts the job off while the disk has no room for n bytes, less those that an
// earlier run of it has already written.
func (t *task) roomFor(n int64) error {
	filepath.WalkDir(t.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n -= info.Size()
			}
		}
		return nil
	})
	err := t.room(max(n, 0))
	var space *SpaceError
	if errors.As(err, &space) {
		return &waitError{"waiting for room: " + space.Error(), time.Minute}
	}
	return err
}

// Lost says what of a revision is lost on the disk and is to be made again.
type Lost struct {
	Renditions []store.Rendition
	Source     bool // the kept original
	Poster     bool
	Storyboard bool
}

// Remake forgets what is lost and queues the jobs that make it again from the best there is.
// Renditions for which there is nothing good enough are the caller's to leave out.
func (w *Worker) Remake(ctx context.Context, ref store.MediaRef, lost Lost) error {
	m, err := w.store.MediaRev(ctx, ref.Video, ref.Rev)
	if err != nil {
		return err
	}
	if lost.Source {
		if err := w.store.ForgetSource(ctx, ref.Video, ref.Rev); err != nil {
			return err
		}
	}
	var jobs []store.Job
	if lost.Poster {
		jobs = append(jobs, newJob(kindPoster))
		if err := w.store.SetPoster(ctx, ref.Video, ref.Rev, store.Poster{}); err != nil {
			return err
		}
	}
	if lost.Storyboard {
		jobs = append(jobs, newJob(kindStoryboard))
		if err := w.store.SetStoryboard(ctx, ref.Video, ref.Rev, store.Storyboard{}); err != nil {
			return err
		}
	}
	if len(lost.Renditions) == 0 {
		for _, j := range owned(jobs, ref.Video, ref.Rev) {
			if _, err := w.store.Enqueue(ctx, j); err != nil {
				return err
			}
		}
		return nil
	}
	kind := kindLadder
	if len(lost.Renditions) == len(m.Renditions) {
		kind = kindTranscode
	}
	return w.record(ctx, func(ctx context.Context) error {
		return w.store.DropRenditions(ctx, ref, lost.Renditions, owned(append(jobs, newJob(kind)), ref.Video, ref.Rev))
	})
}

// todo is what of a plan is not made yet.
type todo struct {
	copy    bool  // the stream copy
	heights []int // rungs to encode
	audio   []int // tracks
}

func (t todo) none() bool { return !t.copy && len(t.heights) == 0 && len(t.audio) == 0 }

func remaining(plan media.Plan, src media.Source, have []store.Rendition) todo {
	has := func(height int, language string) bool {
		return slices.ContainsFunc(have, func(r store.Rendition) bool { return r.Height == height && r.Language == language })
	}
	var left todo
	for _, r := range plan.Rungs {
		switch {
		case has(r.Height, ""):
		case r.Copy:
			left.copy = true
		default:
			left.heights = append(left.heights, r.Height)
		}
	}
	for _, track := range plan.Audio {
		language := ""
		if src.HasVideo {
			language = src.Audio[track].Language
		}
		if !has(0, language) {
			left.audio = append(left.audio, track)
		}
	}
	return left
}

// following returns the jobs for a revision that can be watched since now.
func following(m store.Media, src media.Source, replaces bool, left todo) []store.Job {
	jobs := []store.Job{newJob(kindTorrents)}
	if src.HasVideo {
		jobs = append(jobs, newJob(kindStoryboard))
	}
	if len(src.Subtitles) > 0 {
		jobs = append(jobs, newJob(kindSubtitles))
	}
	if !left.none() {
		jobs = append(jobs, newJob(kindLadder))
	} else if m.SourceFile != "" {
		jobs = append(jobs, newJob(kindTidy))
	}
	if replaces {
		// Whoever is watching the replaced revision can see it to its end.
		remove := newJob(kindRemove)
		remove.RunAt = time.Now().Add(min(m.Duration, 4*time.Hour) + 10*time.Minute)
		jobs = append(jobs, remove)
	}
	return jobs
}

// rendition is what the store remembers of a finished file.
func rendition(r media.Rendition) store.Rendition {
	return store.Rendition{
		Height: r.Height, File: r.File, Playlist: r.Playlist, Bytes: r.Bytes,
		Width: r.Width, PixHeight: r.PixHeight, FPS: r.FPS, Codecs: r.Codecs,
		Bandwidth: r.Bandwidth, Average: r.Average, Copied: r.Copied, Language: r.Language,
	}
}
