package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// JobList says which jobs are wanted.
type JobList struct {
	Video string // only of this video
	Open  bool   // only those that are queued, running or waiting
}

const jobColumns = `id, kind, video, rev, state, stage, percent, speed, eta, reason, attempts, priority,
	run_at, created_at, updated_at`

func scanJob(row lite.Scanner, j *Job) error {
	var video sql.NullString
	err := row.Scan(&j.ID, &j.Kind, &video, &j.Rev, &j.State, &j.Stage, &j.Percent, &j.Speed, (*lite.Span)(&j.ETA),
		&j.Reason, &j.Attempts, &j.Priority, (*lite.Stamp)(&j.RunAt), (*lite.Stamp)(&j.CreatedAt), (*lite.Stamp)(&j.UpdatedAt))
	j.Video = video.String
	return err
}

// Enqueue adds a job and returns its id. RunAt is when it is due, at once when zero.
func (s *Store) Enqueue(ctx context.Context, j Job) (int64, error) {
	var id int64
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) (err error) {
		id, err = addJob(ctx, tx, j)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("enqueue %s: %w", j.Kind, err)
	}
	return id, nil
}

// addJobs adds jobs in their order, which is the order in which equals are claimed.
func addJobs(ctx context.Context, tx *sql.Tx, jobs []Job) error {
	for _, j := range jobs {
		if _, err := addJob(ctx, tx, j); err != nil {
			return fmt.Errorf("enqueue %s: %w", j.Kind, err)
		}
	}
	return nil
}

func addJob(ctx context.Context, tx *sql.Tx, j Job) (int64, error) {
	if j.Video != "" {
		if err := exists(ctx, tx, j.Video); err != nil {
			return 0, err
		}
	}
	if j.State == "" {
		j.State = JobQueued
	}
	now := time.Now()
	if j.RunAt.IsZero() {
		j.RunAt = now
	}
	result, err := tx.ExecContext(ctx, `insert into jobs (kind, video, rev, state, stage, percent, speed, eta, reason,
		attempts, priority, run_at, created_at, updated_at)
		values (?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		j.Kind, j.Video, j.Rev, j.State, j.Stage, j.Percent, j.Speed, lite.Span(j.ETA), j.Reason,
		j.Attempts, j.Priority, lite.Stamp(j.RunAt), lite.Stamp(now), lite.Stamp(now))
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// wrongClock is how far in the future a row lies that was written under a wrong clock: more
// than two processes can differ.
const wrongClock = time.Minute

// ClaimJob makes a job that is due, queued or waiting, the running one of its caller alone,
// or returns ErrNotFound. Of several the highest priority goes first, then the earliest. One
// that was written in the future is due as well: the clock was wrong then, and what it said
// must not put the work off for a day.
func (s *Store) ClaimJob(ctx context.Context, now time.Time) (Job, error) {
	var j Job
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) (err error) {
		j, err = lite.One(ctx, tx, scanJob, `update jobs set state = 'running', reason = '', attempts = attempts + 1, updated_at = ?1
			where id = (select id from jobs where state in ('queued', 'waiting') and (run_at <= ?1 or updated_at > ?2)
				order by priority desc, run_at, id limit 1)
			returning `+jobColumns, lite.Stamp(now), lite.Stamp(now.Add(wrongClock)))
		return err
	})
	if err != nil {
		return Job{}, fmt.Errorf("claim a job: %w", err)
	}
	return j, nil
}

// NextRun returns when the next job is due, the zero time when none is queued or waiting.
func (s *Store) NextRun(ctx context.Context) (time.Time, error) {
	var next time.Time
	err := s.db.Read(ctx, func(q lite.Querier) error {
		at, err := lite.One(ctx, q, lite.Value[lite.Stamp], "select min(run_at) from jobs where state in ('queued', 'waiting')")
		next = time.Time(at)
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("find the next job: %w", err)
	}
	return next, nil
}

// running tells apart whether a job is still its worker's, in the methods below. One that
// was cancelled, replaced or deleted in the meantime is ErrNotFound to its worker.
const running = " where id = ? and state = 'running'"

// changeJob changes one job, or returns ErrNotFound, with what was tried in the error.
func (s *Store) changeJob(ctx context.Context, what, query string, args ...any) error {
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error { return lite.Changed(ctx, tx, query, args...) })
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// SaveProgress records Stage, Percent, Speed, ETA and Attempts of a running job. ErrNotFound
// means that it is no longer wanted, and its worker stops.
func (s *Store) SaveProgress(ctx context.Context, j Job) error {
	return s.changeJob(ctx, fmt.Sprintf("save progress of job %d", j.ID),
		"update jobs set stage = ?, percent = ?, speed = ?, eta = ?, attempts = ?, updated_at = ?"+running,
		j.Stage, j.Percent, j.Speed, lite.Span(j.ETA), j.Attempts, lite.Stamp(time.Now()), j.ID)
}

// FinishJob records that a running job is done, and adds those that come next.
func (s *Store) FinishJob(ctx context.Context, id int64, next []Job) error {
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		err := lite.Changed(ctx, tx, "update jobs set state = 'done', percent = 100, eta = 0, reason = '', updated_at = ?"+running,
			lite.Stamp(time.Now()), id)
		if err != nil {
			return err
		}
		return addJobs(ctx, tx, next)
	})
	if err != nil {
		return fmt.Errorf("finish job %d: %w", id, err)
	}
	return nil
}

// FailJob gives a running job up, and its revision with it when the job is vital to that.
func (s *Store) FailJob(ctx context.Context, id int64, reason string, vital bool) error {
	if err := s.giveUp(ctx, id, reason, vital, running); err != nil {
		return fmt.Errorf("fail job %d: %w", id, err)
	}
	return nil
}

// giveUp fails a job that is in one of the states that where names.
func (s *Store) giveUp(ctx context.Context, id int64, reason string, vital bool, where string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		j, err := lite.One(ctx, tx, scanJob, "update jobs set state = 'failed', eta = 0, reason = ?, updated_at = ?"+where+
			" returning "+jobColumns, reason, lite.Stamp(time.Now()), id)
		if err != nil || !vital {
			return err
		}
		// What plays, plays on.
		err = changeMedia(ctx, tx, j.Video, j.Rev, "state = 'failed', error = ?", reason)
		if err == ErrNotFound {
			err = nil // a revision that is gone needs nothing
		}
		return err
	})
}

// DeferJob puts a running job off: queued again, or waiting for what reason names. It counts
// as an attempt only when it is queued for a reason, which is a failure.
func (s *Store) DeferJob(ctx context.Context, id int64, at time.Time, state JobState, reason string) error {
	attempts := "attempts"
	if state == JobWaiting || reason == "" {
		attempts = "max(attempts - 1, 0)"
	}
	return s.change(ctx, fmt.Sprintf("defer job %d", id),
		"update jobs set state = ?, reason = ?, run_at = ?, attempts = "+attempts+", speed = 0, eta = 0, updated_at = ?"+running,
		state, reason, lite.Stamp(at), lite.Stamp(time.Now()), id)
}

// Job returns a job.
func (s *Store) Job(ctx context.Context, id int64) (Job, error) {
	var j Job
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		j, err = lite.One(ctx, q, scanJob, "select "+jobColumns+" from jobs where id = ?", id)
		return err
	})
	if err != nil {
		return Job{}, fmt.Errorf("load job %d: %w", id, err)
	}
	return j, nil
}

// Jobs returns jobs, oldest first.
func (s *Store) Jobs(ctx context.Context, l JobList) ([]Job, error) {
	query := "select " + jobColumns + " from jobs where true"
	var args []any
	if l.Video != "" {
		query += " and video = ?"
		args = append(args, l.Video)
	}
	if l.Open {
		query += " and state in ('queued', 'running', 'waiting')"
	}
	var list []Job
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, scanJob, query+" order by id", args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return list, nil
}

// FailedSince returns the jobs that were given up after a moment.
func (s *Store) FailedSince(ctx context.Context, t time.Time) ([]Job, error) {
	var list []Job
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, scanJob, "select "+jobColumns+" from jobs where state = 'failed' and updated_at > ? order by updated_at", lite.Stamp(t))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list failed jobs: %w", err)
	}
	return list, nil
}

// RetryJob makes a failed or waiting job due at once, as if it had never been tried, and takes
// back that its revision has failed when the job is vital to that. A queued one is due
// anyway; one that runs or is done is ErrInvalid.
func (s *Store) RetryJob(ctx context.Context, id int64, vital bool) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		j, err := lite.One(ctx, tx, scanJob, "select "+jobColumns+" from jobs where id = ?", id)
		if err != nil {
			return err
		}
		if j.State == JobRunning || j.State == JobDone {
			return Errorf(ErrInvalid, "it is %s", j.State)
		}
		now := lite.Stamp(time.Now())
		_, err = tx.ExecContext(ctx, "update jobs set state = 'queued', reason = '', attempts = 0, run_at = ?, updated_at = ? where id = ?",
			now, now, id)
		if err != nil || !vital {
			return err
		}
		// The work on the media goes on, so it has not failed after all.
		_, err = tx.ExecContext(ctx, `update media set error = '', state = iif(exists (select 1 from renditions r
			where r.video = media.video and r.rev = media.rev and r.language = ''), 'watchable', 'processing')
			where video = ? and rev = ? and state = 'failed'`, j.Video, j.Rev)
		return err
	})
	if err != nil {
		return fmt.Errorf("retry job %d: %w", id, err)
	}
	return nil
}

// CancelJob gives an open job up, and its revision with it when the job is vital to that. One
// that is done or failed is ErrInvalid.
func (s *Store) CancelJob(ctx context.Context, id int64, vital bool) error {
	err := s.giveUp(ctx, id, "cancelled", vital, " where id = ? and state in ('queued', 'running', 'waiting')")
	if errors.Is(err, ErrNotFound) {
		if j, jerr := s.Job(ctx, id); jerr == nil {
			err = Errorf(ErrInvalid, "it is %s", j.State)
		}
	}
	if err != nil {
		return fmt.Errorf("cancel job %d: %w", id, err)
	}
	return nil
}

// RequeueRunning makes running jobs due again. Whoever has just taken the work lock calls
// it: their worker has died.
func (s *Store) RequeueRunning(ctx context.Context) error {
	now := lite.Stamp(time.Now())
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update jobs set state = 'queued', run_at = ?, updated_at = ? where state = 'running'", now, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("requeue running jobs: %w", err)
	}
	return nil
}
