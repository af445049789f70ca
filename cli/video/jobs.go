package video

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/follow"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

type jobsOptions struct {
	all, noHeader bool
	video         string
	limit         line.Limit
	sort          string
}

func newJobs(a *app.App) *cobra.Command {
	var o jobsOptions
	c := &cobra.Command{
		Use:   "jobs",
		Short: "List the work on videos; look on, try again or give up",
		Long: `Lists the jobs that are not done: queued, running, waiting for something, or failed, with
the reason, in the order in which they were made. Jobs are rows in the database: a restart
forgets none. With --all the newest stand first.`,
		Example: `  tubelet jobs
  tubelet jobs --all --video k3v9x2m1qa`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return o.run(c.Context(), a)
		},
		Args: cobra.ArbitraryArgs,
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "those that are done, too")
	f.StringVar(&o.video, "video", "", "only those of the video with this `ID`")
	f.StringVar(&o.sort, "sort", "id", "by `KEY`: id, updated (the latest first), state")
	line.LimitFlag(c, &o.limit, 0, "list at most")
	f.BoolVar(&o.noHeader, "no-header", false, "without the line of column titles")
	line.Completes(c, "sort", func() []string { return []string{"id", "updated", "state"} })
	line.Exits(c, exit.NotFound)
	c.AddCommand(newAttach(a), newRetry(a), newCancel(a))
	return c
}

func (o jobsOptions) run(ctx context.Context, a *app.App) error {
	order := jobOrders()[o.sort]
	if order == nil {
		return exit.Usagef("--sort %s: use id, updated, state", o.sort)
	}
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if o.video != "" {
		v, err := s.Video(ctx, o.video)
		if err != nil {
			return err
		}
		o.video = v.ID
	}
	jobs, err := s.Store.Jobs(ctx, store.JobList{Video: o.video})
	if err != nil {
		return err
	}
	if !o.all {
		jobs = unfinished(jobs)
	}
	slices.SortStableFunc(jobs, order)
	if o.all && o.sort == "id" {
		slices.Reverse(jobs) // what was done long ago interests least
	}
	jobs = jobs[:min(len(jobs), o.limit.Most())]
	shapes := []wire.Job{}
	for _, j := range jobs {
		shapes = append(shapes, wire.NewJob(j))
	}
	return a.Answer(shapes, func() error { return listJobs(a, jobs, o.noHeader) })
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

func listJobs(a *app.App, jobs []store.Job, noHeader bool) error {
	table := term.Table{NoHeader: noHeader, None: "No work is open.", Columns: []term.Column{
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
	return a.Term.Write(table)
}

func newAttach(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "attach ID",
		Short: "Look on while a video is worked at",
		Long: `Looks on while the video with that id, or the video of that job, is worked at. When no
server runs, it does the work. Ctrl-C only detaches.`,
		Example:           "  tubelet jobs attach k3v9x2m1qa",
		Args:              line.Words("the ID of a video or a job"),
		ValidArgsFunction: a.CompleteVideos,
		RunE: func(c *cobra.Command, args []string) error {
			return a.WithWorker(c.Context(), func(s *app.Session, w *work.Worker) error {
				v, rev, err := find(c.Context(), s, args[0])
				if err != nil {
					return err
				}
				return follow.New(a.Term, s.Site, a.JSON).Follow(c.Context(), w, v, rev, false)
			})
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

// find returns the video, and the revision of it, that the id of a video or of a job means.
func find(ctx context.Context, s *app.Session, id string) (store.Video, int, error) {
	v, err := s.Video(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return v, 0, err
	}
	number, notNumber := strconv.ParseInt(id, 10, 64)
	if notNumber != nil {
		return v, 0, err
	}
	j, err := job(ctx, s, number)
	if err != nil {
		return v, 0, err
	}
	v, err = s.Video(ctx, j.Video)
	return v, j.Rev, err
}

// job loads a job, and says where their ids are found when there is none.
func job(ctx context.Context, s *app.Session, id int64) (store.Job, error) {
	j, err := s.Store.Job(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return j, exit.Hint(store.Errorf(store.ErrNotFound, "there is no job %d", id), "To see them all: tubelet jobs --all")
	}
	return j, err
}

func newRetry(a *app.App) *cobra.Command {
	return newJobCommand(a, &cobra.Command{
		Use:     "retry ID",
		Short:   "Try a failed or waiting job again, now",
		Long:    "Queues a failed or waiting job again. The server does it next, or tubelet jobs attach.",
		Example: "  tubelet jobs retry 7",
	}, "tried again", (*work.Worker).Retry)
}

func newCancel(a *app.App) *cobra.Command {
	return newJobCommand(a, &cobra.Command{
		Use:   "cancel ID",
		Short: "Give a job up",
		Long: `Gives a job up; when it runs, it stops within seconds. What is watchable stays so. The job
is kept as failed, and tubelet jobs retry takes it up again.`,
		Example: "  tubelet jobs cancel 7",
	}, "given up", (*work.Worker).Cancel)
}

// newJobCommand completes a command that does one thing to one job and shows it then. A job
// that is done cannot be what done says.
func newJobCommand(a *app.App, c *cobra.Command, done string, do func(*work.Worker, context.Context, int64) error) *cobra.Command {
	c.Args = line.Words("the ID of a job")
	c.ValidArgsFunction = completeJobs(a)
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return exit.Hint(exit.Usagef("%q is no id of a job", args[0]), "To see them: tubelet jobs")
		}
		return a.WithWorker(c.Context(), func(s *app.Session, w *work.Worker) error {
			if _, err := job(c.Context(), s, id); err != nil {
				return err
			}
			if err := do(w, c.Context(), id); err != nil {
				return past(c.Context(), s, id, done, err)
			}
			j, err := job(c.Context(), s, id)
			if err != nil {
				return err
			}
			return a.Answer(wire.NewJob(j), func() error { return a.Printf("Job %d (%s) is %s.\n", j.ID, j.Kind, j.State) })
		})
	}
	line.Exits(c, exit.NotFound, exit.Conflict)
	return c
}

// past turns the refusal of what a job is past into words; any other error stays as it is.
func past(ctx context.Context, s *app.Session, id int64, done string, err error) error {
	j, missing := s.Store.Job(ctx, id)
	if !errors.Is(err, store.ErrInvalid) || missing != nil {
		return err
	}
	state := map[store.JobState]string{store.JobDone: "is done", store.JobFailed: "has failed", store.JobRunning: "is running"}[j.State]
	if state == "" {
		return err // it has changed meanwhile
	}
	return exit.Conflictf("job %d %s and cannot be %s", id, state, done)
}

// completeJobs lists ids of unfinished jobs with what they do.
func completeJobs(a *app.App) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.Complete(c.Context(), func(ctx context.Context, s *app.Session) ([]string, error) {
			jobs, err := s.Store.Jobs(ctx, store.JobList{})
			var words []string
			for _, j := range unfinished(jobs) {
				words = append(words, fmt.Sprintf("%d\t%s of %s, %s", j.ID, j.Kind, j.Video, j.State))
			}
			return words, err
		})
	}
}
