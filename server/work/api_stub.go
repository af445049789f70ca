package work

import (
	"context"
	"errors"
	"io"

	"github.com/tubelet/tubelet/store"
)

// Publish ingests a file in the calling process and returns once the video's row is committed;
// what remains is jobs (see Follow). Errors: *InputError, *media.RefusedError,
// *store.DuplicateError, *SpaceError. Nothing is left behind by a failed one.
func (w *Worker) Publish(ctx context.Context, p Publish, report func(Event)) (store.Video, error) {
	return store.Video{}, errors.ErrUnsupported
}

// Replace gives a video a new file (path, or stdin when path is empty); the old one is served
// until the new one is watchable. The new revision's number is the greatest of the video's.
func (w *Worker) Replace(ctx context.Context, id, path string, stdin io.Reader, report func(Event)) (store.Video, int, error) {
	return store.Video{}, 0, errors.ErrUnsupported
}

// DryRun tells what Publish would do and writes nothing.
func (w *Worker) DryRun(ctx context.Context, p Publish) (DryRun, error) {
	return DryRun{}, errors.ErrUnsupported
}

// Follow reports what happens to one revision of a video until nothing more will without help:
// all its jobs are done, or every open one waits for something outside (nil), or it failed
// (*FailedError). It does the work itself when no other process holds the work lock, and
// takes over when that process dies. rev 0 means the newest.
func (w *Worker) Follow(ctx context.Context, id string, rev int, report func(Event)) error {
	return errors.ErrUnsupported
}

// Run is the server's loop: it waits for the work lock, sweeps, runs jobs and publishes on
// schedule, until ctx ends.
func (w *Worker) Run(ctx context.Context) error { return errors.ErrUnsupported }

// RunOnce does one due thing, a scheduled publishing or a job, and reports whether there was one.
// It does nothing while another process holds the work lock.
func (w *Worker) RunOnce(ctx context.Context) (bool, error) { return false, errors.ErrUnsupported }

// Sweep removes every file and folder in work/ and videos/ that belongs to no row, no open
// job and no publish in progress. It never harms a running one.
func (w *Worker) Sweep(ctx context.Context) error { return errors.ErrUnsupported }

// SetThumbnail gives a video a poster: an image file or a time such as 1:23.
func (w *Worker) SetThumbnail(ctx context.Context, id, arg string) error {
	return errors.ErrUnsupported
}

// AddCaption adds a subtitle file, or replaces the one of that language.
func (w *Worker) AddCaption(ctx context.Context, id, lang, path string) error {
	return errors.ErrUnsupported
}

// RemoveCaption removes the captions of a language.
func (w *Worker) RemoveCaption(ctx context.Context, id, lang string) error {
	return errors.ErrUnsupported
}

// Remove deletes a video and its files.
func (w *Worker) Remove(ctx context.Context, id string) error { return errors.ErrUnsupported }

// Retry queues a failed or waiting job again, now.
func (w *Worker) Retry(ctx context.Context, job int64) error { return errors.ErrUnsupported }

// Cancel gives a job up; when it runs, its process stops within seconds.
func (w *Worker) Cancel(ctx context.Context, job int64) error { return errors.ErrUnsupported }

// ReadChapters reads and checks a chapter file, for edit.
func ReadChapters(path string) ([]store.Chapter, error) { return nil, errors.ErrUnsupported }

// MakeBallast reserves 64 MiB in the data directory, to be given back when the disk is full so
// that rows can be written and files removed.
func MakeBallast(data string) error { return errors.ErrUnsupported }
