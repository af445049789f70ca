package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

const (
	poll       = 100 * time.Millisecond // how soon a commit of another process is noticed
	saveEvery  = 2 * time.Second        // progress goes to the row this often: a commit wears an SD card
	dueEvery   = time.Second            // whether a scheduled video is due
	lookEvery  = 3 * time.Second        // whether ffmpeg has appeared
	tidyEvery  = time.Hour              // between two sweeps of the server
	retryAfter = 2 * time.Second        // after an error of the loop itself
	farTime    = time.Minute            // a job that ran so long and came so much further
	farPercent = 5.0                    // than the time before, got on
)

// runner is the holder of the work lock: the one that runs jobs.
type runner struct {
	*Worker
	lock     *disk.Lock
	emit     func(Event)
	failures map[int64]int // of jobs, in this process
	version  int64         // of the data, when last seen
	ffmpeg   bool          // was there when last looked
	looked   time.Time
}

// takeOver takes the work lock, or returns disk.ErrLocked. What the last holder left running
// is queued again, and what it left lying around is swept.
func (w *Worker) takeOver(ctx context.Context, emit func(Event)) (*runner, error) {
	l, err := disk.TryLock(w.path("work.lock"))
	if err != nil {
		return nil, err
	}
	r := &runner{Worker: w, lock: l, emit: emit, failures: map[int64]int{}}
	if r.emit == nil {
		r.emit = func(Event) {}
	}
	if err := w.record(ctx, w.store.RequeueRunning); err != nil {
		l.Release()
		return nil, fmt.Errorf("take over the work: %w", err)
	}
	// A file that cannot be removed takes up room and stops nobody.
	if err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
		w.log.Error("sweep", "err", err)
	}
	return r, nil
}

// Run is the server's loop: it publishes on schedule, waits for the work lock, sweeps and
// runs jobs, until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	defer w.onSchedule(ctx)()
	r, err := w.waitTakeOver(ctx)
	if err != nil {
		return ignoreDone(ctx, err)
	}
	defer r.lock.Release()
	if err := w.backfill(ctx); err != nil && ctx.Err() == nil {
		w.log.Error("torrents not queued", "err", err)
	}
	swept := time.Now()
	for ctx.Err() == nil {
		did, err := r.step(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Error("work loop", "err", err)
			disk.Sleep(ctx, retryAfter)
			continue
		}
		if did {
			continue
		}
		if err := disk.KeepBallast(w.data); err != nil {
			w.log.Warn("ballast not made", "err", err)
		}
		if time.Since(swept) > tidyEvery {
			swept = time.Now()
			if err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
				w.log.Error("sweep", "err", err)
			}
		}
		r.idle(ctx)
	}
	return nil
}

// onSchedule publishes videos at their moment until the returned function is called. No job
// delays that, nor who holds the work lock: it is one transaction, and of several processes
// that try it one succeeds.
func (w *Worker) onSchedule(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		for err := error(nil); err == nil; err = disk.Sleep(ctx, dueEvery) {
			if _, err := w.publishDue(ctx); err != nil && ctx.Err() == nil {
				w.log.Error("schedule", "err", err)
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// publishDue publishes the videos whose moment has come and reports whether there was one.
func (w *Worker) publishDue(ctx context.Context) (bool, error) {
	var due []string
	err := w.record(ctx, func(ctx context.Context) (err error) {
		due, err = w.store.PublishDue(ctx, time.Now())
		return err
	})
	for _, id := range due {
		w.log.Info("scheduled video published", "video", id)
	}
	return len(due) > 0, err
}

// waitTakeOver becomes the runner as soon as nobody else is.
func (w *Worker) waitTakeOver(ctx context.Context) (*runner, error) {
	for {
		r, err := w.takeOver(ctx, nil)
		if err == nil {
			return r, nil
		}
		if !errors.Is(err, disk.ErrLocked) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			// A disk that is full or away now may be back soon; the pages are served meanwhile.
			w.log.Error("work not taken over", "err", err)
			if err := disk.Sleep(ctx, retryAfter); err != nil {
				return nil, err
			}
			continue
		}
		if err := disk.Sleep(ctx, poll); err != nil {
			return nil, err
		}
	}
}

// RunOnce does one due thing, a scheduled publishing or a job, and reports whether there was one.
// It does nothing while another process holds the work lock.
func (w *Worker) RunOnce(ctx context.Context) (bool, error) {
	r, err := w.takeOver(ctx, nil)
	if errors.Is(err, disk.ErrLocked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.lock.Release()
	if did, err := w.publishDue(ctx); did || err != nil {
		return did, err
	}
	return r.step(ctx)
}

// step runs one due job and reports whether there was one.
func (r *runner) step(ctx context.Context) (bool, error) {
	if err := r.wake(ctx); err != nil {
		return false, err
	}
	var job store.Job
	err := r.record(ctx, func(ctx context.Context) (err error) {
		job, err = r.store.ClaimJob(ctx, time.Now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := r.tune(ctx); err != nil {
		r.log.Warn("settings not taken over", "err", err)
	}
	return true, r.runJob(ctx, job)
}

// wake queues the jobs that wait for ffmpeg once it has appeared. Looking for it costs no
// write, unlike trying each job again and again.
func (r *runner) wake(ctx context.Context) error {
	if time.Since(r.looked) < lookEvery {
		return nil
	}
	r.looked = time.Now()
	was := r.ffmpeg
	r.ffmpeg = r.media.Available()
	if !r.ffmpeg || was {
		return nil
	}
	jobs, err := r.store.Jobs(ctx, store.JobList{Open: true})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.State == store.JobWaiting && j.Reason == waitingForFFmpeg {
			if err := r.store.RetryJob(ctx, j.ID, false); err != nil && !errors.Is(err, store.ErrInvalid) {
				return err
			}
		}
	}
	return nil
}

// idle returns when a job may be due: a process has committed, a moment has come, ffmpeg has
// appeared, or the clock was set.
func (r *runner) idle(ctx context.Context) {
	began := time.Now()
	next, err := r.store.NextRun(ctx)
	if err != nil {
		next = time.Now().Add(retryAfter)
	}
	for {
		if disk.Sleep(ctx, poll) != nil {
			return
		}
		if !next.IsZero() && !time.Now().Before(next) || clockWasSet(began, time.Now()) {
			return
		}
		if v, err := r.store.DataVersion(ctx); err != nil || v != r.version {
			r.version = v
			return
		}
		if !r.ffmpeg && time.Since(r.looked) >= lookEvery {
			return // to look again
		}
	}
}

// clockWasSet reports whether the clock of the wall went another way than time did.
func clockWasSet(began, now time.Time) bool {
	wall := now.Round(0).Sub(began.Round(0)) // without the reading that no setting changes
	return (wall - now.Sub(began)).Abs() > time.Minute
}

// watcher looks after a running job from beside it: it saves its progress, and stops it when
// its row says that it is no longer wanted or something urgent waits.
type watcher struct {
	r      *runner
	job    store.Job
	stop   context.CancelCauseFunc
	ended  chan struct{}
	group  sync.WaitGroup
	mu     sync.Mutex
	latest media.Progress
}

func (r *runner) watch(ctx context.Context, job store.Job, stop context.CancelCauseFunc) *watcher {
	w := &watcher{r: r, job: job, stop: stop, ended: make(chan struct{})}
	w.group.Go(func() { w.loop(ctx) })
	return w
}

// end waits for the watching to stop.
func (w *watcher) end() {
	close(w.ended)
	w.group.Wait()
}

// report takes progress from the work, at any rate.
func (w *watcher) report(p media.Progress) {
	w.mu.Lock()
	w.latest = p
	w.mu.Unlock()
	j := w.progress()
	if j.Stage == "" {
		return // there is nothing to say yet
	}
	w.r.emit(Event{Kind: EventProgress, Job: j, Stage: j.Stage, Percent: j.Percent, Speed: j.Speed, ETA: j.ETA})
}

// progress returns the job with what was last reported.
func (w *watcher) progress() store.Job {
	w.mu.Lock()
	defer w.mu.Unlock()
	j, p := w.job, w.latest
	j.Stage, j.Percent, j.Speed, j.ETA = p.Stage, p.Percent, p.Speed, p.ETA
	return j
}

func (w *watcher) loop(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	began := time.Now()
	saved, last := began, w.progress()
	var version int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.ended:
			return
		case <-tick.C:
		}
		if v, err := w.r.store.DataVersion(ctx); err == nil && v != version {
			version = v
			w.look(ctx)
		}
		if j := w.progress(); time.Since(saved) >= saveEvery && j != last {
			if time.Since(began) > farTime && j.Stage == w.job.Stage && j.Percent > w.job.Percent+farPercent {
				w.gotOn()
				j = w.progress()
			}
			saved, last = time.Now(), j
			if errors.Is(w.r.store.SaveProgress(ctx, j), store.ErrNotFound) {
				w.stop(errUnwanted)
			}
		}
	}
}

// gotOn forgets the attempts that were cut short: this one has come further.
func (w *watcher) gotOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.job.Attempts = 1
}

// look reads the rows after a commit of any process.
func (w *watcher) look(ctx context.Context) {
	jobs, err := w.r.store.Jobs(ctx, store.JobList{Open: true})
	if err != nil {
		return // a later look will tell
	}
	wanted, urgent := false, false
	for _, j := range jobs {
		wanted = wanted || j.ID == w.job.ID
		// Only the long job stands back, and loses at most the part that it is at.
		urgent = urgent || w.job.Kind == kindLadder && j.State == store.JobQueued &&
			j.Priority > w.job.Priority && !j.RunAt.After(time.Now())
	}
	switch {
	case !wanted:
		w.stop(errUnwanted)
	case urgent:
		w.stop(errYield)
	}
}

// ignoreDone turns the error of an ended ctx into none.
func ignoreDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
