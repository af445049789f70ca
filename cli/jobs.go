package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/follow"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

type jobsOptions struct {
	all, noHeader bool
	video         string
	limit         int
	sort          string
}

func newJobs(a *app) *cobra.Command {
	var o jobsOptions
	c := &cobra.Command{
		Use:   "jobs",
		Short: "List the work on videos; look on, try again or give up",
		Long: `Lists the jobs that are not done: queued, running, waiting for something, or failed, with
the reason. Jobs are rows in the database: a restart forgets none.`,
		Example: `  tubelet jobs
  tubelet jobs --all --video k3v9x2m1qa`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(c, args[0])
			}
			return o.run(c.Context(), a)
		},
		Args: cobra.ArbitraryArgs,
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "those that are done, too")
	f.StringVar(&o.video, "video", "", "only those of the video with this `ID`")
	f.StringVar(&o.sort, "sort", "id", "by `KEY`: id, updated, state")
	f.IntVar(&o.limit, "limit", 0, "at most `N`, 0 for all")
	f.BoolVar(&o.noHeader, "no-header", false, "without the line of column titles")
	completes(c, "sort", func() []string { return []string{"id", "updated", "state"} })
	exits(c, exit.NotFound)
	c.AddCommand(newAttach(a), newRetry(a), newCancel(a))
	return c
}

func (o jobsOptions) run(ctx context.Context, a *app) error {
	order := jobOrders()[o.sort]
	if order == nil || o.limit < 0 {
		return exit.Usagef("--sort is one of id, updated, state, and --limit 0 or more")
	}
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if o.video != "" {
		if _, err := s.video(ctx, o.video); err != nil {
			return err
		}
	}
	jobs, err := s.store.Jobs(ctx, store.JobList{Video: o.video})
	if err != nil {
		return err
	}
	if !o.all {
		jobs = unfinished(jobs)
	}
	slices.SortStableFunc(jobs, order)
	if o.limit > 0 {
		jobs = jobs[:min(o.limit, len(jobs))]
	}
	shapes := []wire.Job{}
	for _, j := range jobs {
		shapes = append(shapes, wire.NewJob(j))
	}
	return a.answer(shapes, func() error { return a.listJobs(jobs, o.noHeader) })
}

func jobOrders() map[string]func(j, k store.Job) int {
	return map[string]func(j, k store.Job) int{
		"id":      func(j, k store.Job) int { return int(j.ID - k.ID) },
		"updated": func(j, k store.Job) int { return k.UpdatedAt.Compare(j.UpdatedAt) },
		"state": func(j, k store.Job) int {
			states := []store.JobState{store.JobRunning, store.JobFailed, store.JobWaiting, store.JobQueued, store.JobDone}
			return slices.Index(states, j.State) - slices.Index(states, k.State)
		},
	}
}

func unfinished(jobs []store.Job) []store.Job {
	return slices.DeleteFunc(slices.Clone(jobs), func(j store.Job) bool { return j.State == store.JobDone })
}

func (a *app) listJobs(jobs []store.Job, noHeader bool) error {
	if len(jobs) == 0 {
		fmt.Fprintln(a.term.Err, "No work is open.")
		return nil
	}
	table := term.Table{NoHeader: noHeader, Columns: []term.Column{
		{Title: "JOB", Right: true}, {Title: "KIND"}, {Title: "VIDEO"}, {Title: "STATE"}, {Title: "DONE", Right: true},
		{Title: "LEFT", Right: true}, {Title: "WHAT", Cut: true},
	}}
	for _, j := range jobs {
		left, what := "", j.Stage
		if j.State == store.JobRunning && j.ETA > 0 {
			left = term.Duration(j.ETA)
		}
		switch {
		case j.Reason != "":
			what = j.Reason
		case j.State == store.JobQueued && j.RunAt.After(time.Now()):
			what = "not before " + term.Time(j.RunAt)
		}
		table.Rows = append(table.Rows, []string{
			fmt.Sprint(j.ID), j.Kind, j.Video, string(j.State), fmt.Sprintf("%.0f %%", j.Percent), left, what,
		})
	}
	return a.term.Write(table)
}

func newAttach(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "attach ID",
		Short: "Look on while a video is worked at",
		Long: `Looks on while the video with that id, or the video of that job, is worked at. When no
server runs, it does the work. Ctrl-C only detaches.`,
		Example:           "  tubelet jobs attach k3v9x2m1qa",
		Args:              words("the ID of a video or a job"),
		ValidArgsFunction: a.completeVideos,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withWorker(c.Context(), func(s *session, w *work.Worker) error {
				v, rev, err := s.find(c.Context(), args[0])
				if err != nil {
					return err
				}
				return a.followStored(c.Context(), w, follow.New(a.term, s.site, a.json), v, rev, false)
			})
		},
	}
	exits(c, exit.NotFound)
	return c
}

// find returns the video, and the revision of it, that the id of a video or of a job means.
func (s *session) find(ctx context.Context, id string) (store.Video, int, error) {
	v, err := s.video(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return v, 0, err
	}
	number, notNumber := strconv.ParseInt(id, 10, 64)
	if notNumber != nil {
		return v, 0, err
	}
	j, err := s.job(ctx, number)
	if err != nil {
		return v, 0, err
	}
	v, err = s.video(ctx, j.Video)
	return v, j.Rev, err
}

// job loads a job, and says where their ids are found when there is none.
func (s *session) job(ctx context.Context, id int64) (store.Job, error) {
	j, err := s.store.Job(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return j, exit.Hint(store.Errorf(store.ErrNotFound, "there is no job %d", id), "To see them all: tubelet jobs --all")
	}
	return j, err
}

func newRetry(a *app) *cobra.Command {
	return a.newJobCommand(&cobra.Command{
		Use:     "retry ID",
		Short:   "Try a failed or waiting job again, now",
		Long:    "Queues a failed or waiting job again. The server does it next, or tubelet jobs attach.",
		Example: "  tubelet jobs retry 7",
	}, (*work.Worker).Retry)
}

func newCancel(a *app) *cobra.Command {
	return a.newJobCommand(&cobra.Command{
		Use:   "cancel ID",
		Short: "Give a job up",
		Long: `Gives a job up; when it runs, it stops within seconds. What is watchable stays so. The job
is kept as failed, and tubelet jobs retry takes it up again.`,
		Example: "  tubelet jobs cancel 7",
	}, (*work.Worker).Cancel)
}

// newJobCommand completes a command that does one thing to one job and shows it then.
func (a *app) newJobCommand(c *cobra.Command, do func(*work.Worker, context.Context, int64) error) *cobra.Command {
	c.Args = words("the ID of a job")
	c.ValidArgsFunction = a.completeJobs
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return exit.Hint(exit.Usagef("%q is no id of a job", args[0]), "To see them: tubelet jobs")
		}
		return a.withWorker(c.Context(), func(s *session, w *work.Worker) error {
			if _, err := s.job(c.Context(), id); err != nil {
				return err
			}
			if err := do(w, c.Context(), id); err != nil {
				return err
			}
			j, err := s.job(c.Context(), id)
			if err != nil {
				return err
			}
			return a.answer(wire.NewJob(j), func() error { return a.printf("Job %d (%s) is %s.\n", j.ID, j.Kind, j.State) })
		})
	}
	exits(c, exit.NotFound, exit.Conflict)
	return c
}

// withWorker calls do with an open channel and its worker.
func (a *app) withWorker(ctx context.Context, do func(*session, *work.Worker) error) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	w, err := s.worker(ctx)
	if err != nil {
		return err
	}
	return do(s, w)
}
