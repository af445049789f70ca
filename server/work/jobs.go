package work

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// The kinds of jobs. The names are in rows and in what tubelet jobs prints.
const (
	kindPoster     = "poster"
	kindTranscode  = "transcode" // the first rendition of what could not be copied
	kindLadder     = "ladder"    // all others
	kindStoryboard = "storyboard"
	kindSubtitles  = "subtitles"
	kindTorrents   = "torrents"
	kindTidy       = "tidy"   // the original, where a copied rendition holds the same
	kindRemove     = "remove" // the files of a replaced revision
)

// kind is one row of the table of jobs.
type kind struct {
	name     string
	priority int  // what makes a video watchable goes before what improves one
	vital    bool // when it is given up, so is the revision
	run      func(context.Context, *task) error
}

// kinds is the table of jobs. Each is safe to run again after it was stopped anywhere.
func kinds() []kind {
	return []kind{
		{kindPoster, 20, false, makePoster},
		{kindTranscode, 20, true, transcode},
		{kindSubtitles, 5, false, takeSubtitles},
		{kindStoryboard, 5, false, makeStoryboard},
		{kindTorrents, 3, false, makeTorrents},
		{kindLadder, 0, true, ladder},
		{kindTidy, -5, false, tidy},
		{kindRemove, -5, false, removeObsolete},
	}
}

func findKind(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// newJob returns a job of a kind, still of no video.
func newJob(name string) store.Job {
	k, _ := findKind(name)
	return store.Job{Kind: name, Priority: k.priority}
}

// owned gives jobs to a revision.
func owned(jobs []store.Job, id string, rev int) []store.Job {
	for i := range jobs {
		jobs[i].Video, jobs[i].Rev = id, rev
	}
	return jobs
}

// task is one job being done.
type task struct {
	*Worker
	job    store.Job
	media  store.Media // the revision it works on
	dir    string      // work/job-<id>/, which survives a kill
	report func(media.Progress)
}

// open makes the job's folder.
func (t *task) open() error { return os.MkdirAll(t.dir, 0o700) }

// source returns the best file there is to make something of: the original, else the
// rendition that was copied from it, else the highest.
func (t *task) source(ctx context.Context) (media.Source, error) {
	file := t.Worker.SourceFile(t.media)
	if file == "" {
		return media.Source{}, errors.New("the original is not kept and nothing is made of it yet")
	}
	return t.Worker.media.Probe(ctx, t.path("videos", t.job.Video, strconv.Itoa(t.job.Rev), file))
}

// SourceFile names the file of a revision that jobs make others of, "" when there is none yet.
func (w *Worker) SourceFile(m store.Media) string {
	if m.SourceFile != "" {
		return m.SourceFile
	}
	best := ""
	for _, r := range m.Renditions {
		if r.Copied && r.Language == "" {
			return r.File
		}
		if best == "" && r.Language == "" {
			best = r.File
		}
	}
	return best
}

// place gives finished files of the job's folder their names in the revision's folder and
// records them. The folder must be there: it is not when the video was removed meanwhile.
func (t *task) place(ctx context.Context, files []string, row func(context.Context) error) error {
	for _, f := range files {
		if err := disk.Sync(t.dir + "/" + f); err != nil {
			return err
		}
	}
	return t.placing(ctx, func(ctx context.Context) error {
		to := t.revDir(t.job.Video, t.job.Rev)
		for _, f := range files {
			if err := disk.Place(t.dir+"/"+f, to+"/"+f); err != nil {
				return err
			}
		}
		return t.record(ctx, row)
	})
}

// waitError is a reason to put a job off.
type waitError struct {
	reason string
	until  time.Duration
}

func (e *waitError) Error() string { return e.reason }

// waitingForFFmpeg is looked for when ffmpeg has appeared.
const waitingForFFmpeg = "waiting for ffmpeg: install it (apt install ffmpeg)"

// maxAttempts is how often a job is begun again in a row without getting on: what kills its
// process, such as a lack of memory, is remembered by the row alone.
const maxAttempts = 15

var errCutShort = errors.New("each time it was begun, something ended tubelet before it got on: does the machine run out of memory or power?")

// The reasons why a running job is stopped from outside.
var (
	errUnwanted = errors.New("no longer wanted")
	errYield    = errors.New("something more urgent came")
)

// backoff is how long a job rests after it failed for the nth time; after the last it is
// given up.
var backoff = [...]time.Duration{2 * time.Second, 30 * time.Second}

// retries is how often a job is tried again after err. Who waits for a video does not wait
// long for what only adorns it. A file is refused twice before it is believed: to a probe
// that was killed, every file is unreadable.
func (k kind) retries(err error) int {
	var refused *media.RefusedError
	if !k.vital || errors.As(err, &refused) {
		return 1
	}
	return len(backoff)
}

// runJob does one claimed job and records what came of it.
func (r *runner) runJob(ctx context.Context, job store.Job) error {
	k, known := findKind(job.Kind)
	if !known {
		return r.store.FailJob(ctx, job.ID, "this version of tubelet does not know this kind of job", false)
	}
	jctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	t := &task{Worker: r.Worker, job: job, dir: r.path("work", "job-"+strconv.FormatInt(job.ID, 10))}
	watch := r.watch(jctx, job, stop)
	t.report = watch.report
	err := t.load(jctx)
	if err == nil && job.Attempts > maxAttempts {
		err = errCutShort
	}
	if err == nil {
		err = k.run(jctx, t)
	}
	watch.end()
	if why := context.Cause(jctx); err != nil && why != nil {
		err = why
	}
	return r.settle(ctx, k, t, err)
}

// load reads the revision that the job is for.
func (t *task) load(ctx context.Context) (err error) {
	t.media, err = t.store.MediaRev(ctx, t.job.Video, t.job.Rev)
	if errors.Is(err, store.ErrNotFound) {
		return errUnwanted
	}
	return err
}

// settle records the end of a job. It is not cut short by an interrupt, which is one of the
// ends. A row that is no longer ours says so by ErrNotFound, and then there is nothing to say.
func (r *runner) settle(ctx context.Context, k kind, t *task, err error) error {
	stopped := ctx.Err() != nil
	var wait *waitError
	id, now := t.job.ID, time.Now()
	record := func(ctx context.Context) error { return r.store.FinishJob(ctx, id, nil) }
	keepDir := true
	switch {
	case err == nil:
		keepDir = false
	case errors.Is(err, errUnwanted):
		keepDir = false
		record = func(ctx context.Context) error { return r.store.FailJob(ctx, id, "no longer wanted", false) }
	case errors.Is(err, errYield), stopped:
		record = func(ctx context.Context) error { return r.store.DeferJob(ctx, id, now, store.JobQueued, "") }
	case errors.Is(err, media.ErrNoFFmpeg):
		record = r.waits(id, now.Add(24*time.Hour), waitingForFFmpeg)
	case errors.As(err, &wait):
		record = r.waits(id, now.Add(wait.until), wait.reason)
	case disk.Full(r.data, err):
		r.dropBallast()
		record = r.waits(id, now.Add(time.Minute), r.noRoom())
	case r.failed(id) > k.retries(err), t.job.Attempts > maxAttempts:
		keepDir = false
		record = func(ctx context.Context) error { return r.giveUp(ctx, k, t, err) }
	default:
		rest := backoff[r.failures[id]-1]
		r.log.Warn("job failed, to be tried again", "kind", k.name, "job", id, "video", t.job.Video, "in", rest, "err", err)
		record = func(ctx context.Context) error {
			return r.store.DeferJob(ctx, id, now.Add(rest), store.JobQueued, "tried again soon: "+err.Error())
		}
	}
	rerr := r.record(ctx, record)
	if errors.Is(rerr, store.ErrNotFound) {
		rerr, keepDir = nil, false
	}
	if rerr != nil {
		return fmt.Errorf("record the end of job %d: %w", id, rerr)
	}
	if !keepDir {
		return os.RemoveAll(t.dir)
	}
	return nil
}

// noRoom is the reason of a job that waits for space.
func (r *runner) noRoom() string {
	return "waiting for room: the disk that holds " + r.data + " is full"
}

func (r *runner) waits(id int64, at time.Time, reason string) func(context.Context) error {
	return func(ctx context.Context) error { return r.store.DeferJob(ctx, id, at, store.JobWaiting, reason) }
}

// failed counts one more failure of a job in this process.
func (r *runner) failed(id int64) int {
	r.failures[id]++
	return r.failures[id]
}

// giveUp fails the job, and the revision where it cannot do without.
func (r *runner) giveUp(ctx context.Context, k kind, t *task, err error) error {
	r.log.Error("job given up", "kind", k.name, "job", t.job.ID, "video", t.job.Video, "err", err)
	delete(r.failures, t.job.ID)
	return r.store.FailJob(ctx, t.job.ID, err.Error(), k.vital)
}
