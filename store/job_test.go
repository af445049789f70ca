package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tubelet/tubelet/store"
)

func enqueue(t *testing.T, s *store.Store, j store.Job) int64 {
	t.Helper()
	id, err := s.Enqueue(t.Context(), j)
	must(t, err)
	return id
}

func claim(t *testing.T, s *store.Store, now time.Time) store.Job {
	t.Helper()
	j, err := s.ClaimJob(t.Context(), now)
	must(t, err)
	return j
}

// fail makes a job of a video's first revision and gives both up.
func fail(t *testing.T, s *store.Store, video, reason string) int64 {
	t.Helper()
	id := enqueue(t, s, store.Job{Kind: "transcode", Video: video, Rev: 1, Priority: 1000})
	claim(t, s, time.Now())
	must(t, s.FailJob(t.Context(), id, reason, true))
	return id
}

func job(t *testing.T, s *store.Store, id int64) store.Job {
	t.Helper()
	j, err := s.Job(t.Context(), id)
	must(t, err)
	return j
}

func TestJobsAreClaimedInOrder(t *testing.T) {
	s := open(t)
	now := time.Now().Add(time.Second)
	enqueue(t, s, store.Job{Kind: "second"})
	enqueue(t, s, store.Job{Kind: "third", RunAt: now})
	enqueue(t, s, store.Job{Kind: "first", Priority: 1, RunAt: now})
	enqueue(t, s, store.Job{Kind: "later", Priority: 9, RunAt: now.Add(time.Hour)})
	for _, want := range []string{"first", "second", "third"} {
		j := claim(t, s, now)
		same(t, j.Kind, want)
		same(t, j.State, store.JobRunning)
		same(t, j.Attempts, 1)
	}
	_, err := s.ClaimJob(t.Context(), now)
	wantError(t, err, store.ErrNotFound)
	next, err := s.NextRun(t.Context())
	must(t, err)
	same(t, next, now.Add(time.Hour).Truncate(time.Millisecond).UTC())
	same(t, claim(t, s, now.Add(time.Hour)).Kind, "later")
	next, err = s.NextRun(t.Context())
	must(t, err)
	same(t, next.IsZero(), true)
}

func TestJobLife(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("x"))
	id := enqueue(t, s, store.Job{Kind: "transcode", Video: v.ID, Rev: 1})
	wantError(t, s.FinishJob(t.Context(), id, nil), store.ErrNotFound) // nobody runs it

	j := claim(t, s, time.Now())
	j.Stage, j.Percent, j.Speed, j.ETA = "360p", 12.5, 3.25, 90*time.Second
	must(t, s.SaveProgress(t.Context(), j))
	if d := cmp.Diff(j, job(t, s, id), cmpopts.IgnoreFields(store.Job{}, "UpdatedAt")); d != "" {
		t.Error(d)
	}

	at := time.Now().Add(time.Minute).Truncate(time.Millisecond).UTC()
	must(t, s.DeferJob(t.Context(), id, at, store.JobWaiting, "ffmpeg is not installed"))
	got := job(t, s, id)
	same(t, []any{got.State, got.Reason, got.RunAt}, []any{store.JobWaiting, "ffmpeg is not installed", at})
	_, err := s.ClaimJob(t.Context(), at.Add(-time.Millisecond))
	wantError(t, err, store.ErrNotFound)
	got = claim(t, s, at)
	same(t, []any{got.ID, got.Attempts, got.Reason}, []any{id, 1, ""}) // waiting was no attempt

	must(t, s.FinishJob(t.Context(), id, []store.Job{{Kind: "storyboard", Video: v.ID, Rev: 1}}))
	got = job(t, s, id)
	same(t, []any{got.State, got.Percent}, []any{store.JobDone, 100.0})
	open, err := s.Jobs(t.Context(), store.JobList{Video: v.ID, Open: true})
	must(t, err)
	same(t, len(open), 1)
	every, err := s.Jobs(t.Context(), store.JobList{})
	must(t, err)
	same(t, len(every), 2)

	next := claim(t, s, time.Now())
	must(t, s.FailJob(t.Context(), next.ID, "broken", true))
	same(t, load(t, s, v.ID).Media.Error, "broken")
	must(t, s.RetryJob(t.Context(), next.ID, true))
	got = job(t, s, next.ID)
	same(t, []any{got.State, got.Attempts, got.Reason}, []any{store.JobQueued, 0, ""})
	same(t, load(t, s, v.ID).Media.State, store.Watchable)
	wantError(t, s.RetryJob(t.Context(), id, true), store.ErrInvalid) // done
	wantError(t, s.RetryJob(t.Context(), 999, true), store.ErrNotFound)
}

// Only what went wrong counts as an attempt: a failure, and the death of the worker.
func TestAttempts(t *testing.T) {
	s := open(t)
	id := enqueue(t, s, store.Job{Kind: "transcode"})
	steps := []struct {
		name string
		end  func(j store.Job) error
		want int
	}{
		{"yield", func(j store.Job) error { return s.DeferJob(t.Context(), id, time.Now(), store.JobQueued, "") }, 1},
		{"wait", func(j store.Job) error { return s.DeferJob(t.Context(), id, time.Now(), store.JobWaiting, "no room") }, 1},
		{"failure", func(j store.Job) error { return s.DeferJob(t.Context(), id, time.Now(), store.JobQueued, "broken") }, 2},
		{"death", func(j store.Job) error { return s.RequeueRunning(t.Context()) }, 3},
		{"progress", func(j store.Job) error {
			j.Attempts = 1
			return errors.Join(s.SaveProgress(t.Context(), j), s.RequeueRunning(t.Context()))
		}, 2},
	}
	for _, tt := range steps {
		must(t, tt.end(claim(t, s, time.Now())))
		if got := claim(t, s, time.Now()).Attempts; got != tt.want {
			t.Errorf("%s: attempt %d, want %d", tt.name, got, tt.want)
		}
		must(t, s.DeferJob(t.Context(), id, time.Now(), store.JobQueued, ""))
	}
}

func TestCancelReachesTheWorker(t *testing.T) {
	s := open(t)
	v := create(t, s, processing("x"))
	id := enqueue(t, s, store.Job{Kind: "transcode", Video: v.ID, Rev: 1})
	j := claim(t, s, time.Now())
	must(t, s.CancelJob(t.Context(), id, true))
	same(t, load(t, s, v.ID).Media.Error, "cancelled")
	wantError(t, s.SaveProgress(t.Context(), j), store.ErrNotFound)
	wantError(t, s.FinishJob(t.Context(), id, []store.Job{{Kind: "next"}}), store.ErrNotFound)
	wantError(t, s.FailJob(t.Context(), id, "other", true), store.ErrNotFound)
	got := job(t, s, id)
	same(t, []any{got.State, got.Reason}, []any{store.JobFailed, "cancelled"})
	wantError(t, s.CancelJob(t.Context(), id, true), store.ErrInvalid)
	wantError(t, s.CancelJob(t.Context(), 999, true), store.ErrNotFound)
	open, err := s.Jobs(t.Context(), store.JobList{Open: true})
	must(t, err)
	same(t, len(open), 0)
}

func TestRequeueRunning(t *testing.T) {
	s := open(t)
	id := enqueue(t, s, store.Job{Kind: "transcode"})
	claim(t, s, time.Now())
	must(t, s.RequeueRunning(t.Context()))
	same(t, job(t, s, id).State, store.JobQueued)
	same(t, claim(t, s, time.Now().Add(time.Second)).Attempts, 2)
}

// Eight workers of two processes take fifty jobs: each job once.
func TestClaimsAreAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tubelet.db")
	stores := []*store.Store{openAt(t, path), openAt(t, path)}
	const jobs = 50
	for range jobs {
		enqueue(t, stores[0], store.Job{Kind: "x"})
	}
	now := time.Now().Add(time.Second)
	var mu sync.Mutex
	taken := map[int64]int{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for {
				j, err := stores[i%2].ClaimJob(t.Context(), now)
				if errors.Is(err, store.ErrNotFound) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				taken[j.ID]++
				mu.Unlock()
				if err := stores[i%2].FinishJob(t.Context(), j.ID, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	same(t, len(taken), jobs)
	for id, n := range taken {
		if n != 1 {
			t.Errorf("job %d was taken %d times", id, n)
		}
	}
}

// TestContentVersion looks that pages are not thrown away for the progress of a job.
func TestContentVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tubelet.db")
	a, b := openAt(t, path), openAt(t, path)
	last, err := a.ContentVersion(t.Context())
	must(t, err)
	step := func(what string, change bool) {
		t.Helper()
		now, err := a.ContentVersion(t.Context())
		must(t, err)
		if (now != last) != change {
			t.Errorf("%s: the version was %d and is %d", what, last, now)
		}
		last = now
	}
	v := create(t, b, sample("one"))
	step("a new video", true)
	id, err := b.Enqueue(t.Context(), store.Job{Kind: "poster", Video: v.ID})
	must(t, err)
	j, err := b.ClaimJob(t.Context(), time.Now())
	must(t, err)
	for i := range 3 {
		j.Percent = float64(i)
		must(t, b.SaveProgress(t.Context(), j))
	}
	step("a job that runs", false)
	must(t, b.FinishJob(t.Context(), id, nil))
	step("a job that ends", false)
	must(t, b.AddViews(t.Context(), map[string]int64{v.ID: 1}))
	step("a view", true)
	v.Title = "Another title"
	must(t, b.UpdateVideo(t.Context(), v.Video))
	step("an edit", true)
	due, err := b.PublishDue(t.Context(), time.Now())
	must(t, err)
	step(fmt.Sprintf("a look for what is due, which finds %v", due), false)
	must(t, a.DeleteVideo(t.Context(), v.ID))
	step("an own commit", true)
}

// A clock that was a day ahead when a job was written does not put it off for a day.
func TestClockWasAhead(t *testing.T) {
	s := open(t)
	ahead := time.Now().Add(time.Second)
	id := enqueue(t, s, store.Job{Kind: "poster"})
	if j := claim(t, s, ahead.Add(-24*time.Hour)); j.ID != id {
		t.Fatalf("claimed %+v", j)
	}
	// One that was put off by a right clock waits for its moment.
	must(t, s.DeferJob(t.Context(), id, ahead.Add(time.Hour), store.JobQueued, ""))
	_, err := s.ClaimJob(t.Context(), ahead)
	wantError(t, err, store.ErrNotFound)
	// Nor is it thrown away when the clock jumps ahead: it is due, as is everything else.
	if j := claim(t, s, ahead.Add(24*time.Hour)); j.ID != id {
		t.Errorf("claimed %+v", j)
	}
}
