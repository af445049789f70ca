package work

import (
	"context"
	"errors"
	"fmt"

	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// Follow reports what happens to one revision of a video until nothing more will without help:
// all its jobs are done, or every open one waits for something outside (nil), or it failed
// (*FailedError). It does the work itself when no other process holds the work lock, and
// takes over when that process dies. rev 0 means the newest.
func (w *Worker) Follow(ctx context.Context, id string, rev int, report func(Event)) error {
	if rev == 0 {
		var err error
		if rev, err = w.store.NewestRev(ctx, id); err != nil {
			return err
		}
	}
	if report == nil {
		report = func(Event) {}
	}
	f := &follower{w: w, id: id, rev: rev, report: report, told: map[int64]store.Job{}}
	for {
		over, err := f.look(ctx)
		if err != nil || over && f.waiting == 0 {
			return err
		}
		// What the jobs wait for may have come: whoever takes over looks.
		r, err := w.takeOver(ctx, f.progress)
		switch {
		case errors.Is(err, disk.ErrLocked) && over:
			return nil
		case errors.Is(err, disk.ErrLocked):
			if err := disk.Sleep(ctx, poll); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			return f.drive(ctx, r)
		}
	}
}

// Elsewhere reports whether another process does the jobs at this moment, such as the server.
func (w *Worker) Elsewhere() bool {
	l, err := disk.TryLock(w.path("work.lock"))
	if err == nil {
		l.Release()
	}
	return errors.Is(err, disk.ErrLocked)
}

// follower remembers what it has told.
type follower struct {
	w         *Worker
	id        string
	rev       int
	report    func(Event)
	version   int64
	looked    bool
	over      bool // as of version
	watchable bool
	done      bool
	video     store.Video
	waiting   int // jobs
	told      map[int64]store.Job
}

// drive does the work in this process until there is none left for the video.
func (f *follower) drive(ctx context.Context, r *runner) error {
	defer r.lock.Release()
	defer f.w.onSchedule(ctx)() // there may be no server that does
	for {
		did, err := r.step(ctx)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		over, err := f.look(ctx)
		if over || err != nil {
			return err
		}
		if !did {
			r.idle(ctx)
		}
	}
}

// progress passes on what the job that this process does reports. It may be another video's,
// whose turn it is.
func (f *follower) progress(e Event) {
	e.Video = f.video
	f.report(e)
}

// look reads the rows, tells what is new, and says whether nothing more is to be expected.
func (f *follower) look(ctx context.Context) (over bool, err error) {
	version, err := f.w.store.DataVersion(ctx)
	if err != nil || f.looked && version == f.version {
		return f.over, err
	}
	f.version, f.looked = version, true
	f.over, err = f.read(ctx)
	return f.over, err
}

// read is the part of look that is worth doing after a commit only.
func (f *follower) read(ctx context.Context) (over bool, err error) {
	m, err := f.w.store.MediaRev(ctx, f.id, f.rev)
	if err != nil {
		return false, fmt.Errorf("follow: %w", err)
	}
	if f.video, err = f.w.store.Video(ctx, f.id); err != nil {
		return false, fmt.Errorf("follow: %w", err)
	}
	if !f.watchable && len(m.Renditions) > 0 {
		f.watchable = true
		f.report(Event{Kind: EventWatchable, Video: f.video})
	}
	if !f.done && m.State == store.Done {
		f.done = true
		f.report(Event{Kind: EventDone, Video: f.video})
	}
	jobs, err := f.w.store.Jobs(ctx, store.JobList{Video: f.id})
	if err != nil {
		return false, err
	}
	active, reason := f.tell(jobs)
	switch {
	case m.State == store.Failed:
		return true, &FailedError{m.Error}
	case active > 0:
		return false, nil
	case f.waiting > 0 || m.State == store.Done:
		return true, nil
	}
	return true, &FailedError{reason}
}

// tell reports what is new about the jobs and counts those that go on.
func (f *follower) tell(jobs []store.Job) (active int, reason string) {
	f.waiting = 0
	reason = "its work was stopped"
	for _, j := range jobs {
		if j.Rev != f.rev || j.Kind == kindRemove {
			continue
		}
		e := Event{Video: f.video, Job: j, Stage: j.Stage, Percent: j.Percent, Speed: j.Speed, ETA: j.ETA, Reason: j.Reason}
		switch j.State {
		case store.JobQueued:
			active++
		case store.JobRunning:
			active++
			if j.Stage != "" { // it has only just begun
				e.Kind = EventProgress
			}
		case store.JobWaiting:
			f.waiting++
			e.Kind = EventWaiting
		case store.JobFailed:
			reason = j.Reason
			e.Kind = EventFailed
		}
		if was, ok := f.told[j.ID]; e.Kind != "" && (!ok || was.State != j.State || was.UpdatedAt != j.UpdatedAt) {
			f.report(e)
		}
		f.told[j.ID] = j
	}
	return active, reason
}
