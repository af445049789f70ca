package fediverse

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/store/social"
)

const reportsShown = 20

func newFederation(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "federation", Short: "Show how the federation fares, check and retry",
		Long: `Shows how many follow, how much is on its way to their servers, which of these do not answer
and why, and what other servers' people have reported.`,
		Example: "  tubelet federation", Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return runFederation(c.Context(), a)
		},
	}
	line.Exits(c, exit.NotFound)
	status := &cobra.Command{
		Use: "status", Short: "Show how the federation fares", Long: "Shows what tubelet federation shows.", Example: "  tubelet federation status --json",
		Args: line.Words(), RunE: func(c *cobra.Command, _ []string) error { return runFederation(c.Context(), a) },
	}
	line.Exits(status, exit.NotFound)
	check := &cobra.Command{
		Use: "check @USER@HOST", Short: "Try whether an account elsewhere and this channel hear each other",
		Long: `Tries step by step whether this channel answers at its own address, and whether the account
elsewhere can be found, answers and is not blocked. The server has to run.`,
		Example: "  tubelet federation check @ada@social.example", Args: line.Words("the address of an account"),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := handleOf(args[0]); err != nil {
				return err
			}
			return runCheck(c.Context(), a, args[0])
		},
	}
	line.Exits(check, exit.NotFound, exit.Remote)
	retry := &cobra.Command{
		Use: "retry", Short: "Try again at once what did not arrive",
		Long:    "Tries again at once everything that did not arrive, servers that were given up too.",
		Example: "  tubelet federation retry", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return runRetry(c.Context(), a) },
	}
	line.Exits(retry, exit.NotFound)
	c.AddCommand(status, check, retry)
	return c
}

func runFederation(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	shape, err := status(ctx, s)
	if err != nil {
		return err
	}
	return a.Answer(shape, func() error { return showStatus(a, shape) })
}

func status(ctx context.Context, s *app.Session) (wire.Federation, error) {
	db := s.Store.Social()
	shape := wire.Federation{Schema: wire.Schema, Address: "@" + s.Site.Channel.Handle + "@" + s.Site.Channel.Domain, Hosts: []wire.Host{}, Reports: []wire.Report{}}
	on, err := s.Store.Setting(ctx, "federation")
	if err != nil {
		return shape, err
	}
	shape.On = on == "on"
	for target, count := range map[social.Target]*int{social.Person: &shape.Followers, social.Group: &shape.GroupFollowers} {
		if _, *count, err = db.Followers(ctx, target, 0, 1); err != nil {
			return shape, err
		}
	}
	waiting, err := db.Waiting(ctx)
	if err != nil {
		return shape, err
	}
	held, err := db.Held(ctx)
	if err != nil {
		return shape, err
	}
	shape.Asking, shape.Held = len(waiting), len(held)
	if shape.Queued, shape.Failing, err = db.Queue(ctx); err != nil {
		return shape, err
	}
	hosts, err := db.Hosts(ctx)
	if err != nil {
		return shape, err
	}
	for _, h := range hosts {
		shape.Hosts = append(shape.Hosts, wire.NewHost(h))
	}
	reports, err := db.Reports(ctx, reportsShown)
	for _, r := range reports {
		shape.Reports = append(shape.Reports, wire.NewReport(r))
	}
	return shape, err
}

func showStatus(a *app.App, f wire.Federation) error {
	state := "on"
	if !f.On {
		state = "off (tubelet config set federation on)"
	}
	if err := a.Printf("%s, federation %s\n%d follow, %d of them PeerTube's and other groups' readers; %d ask to\n%d comments wait for you\n%d deliveries on their way, %d of them failed before\n",
		a.Term.Paint(term.Bold, f.Address), state, f.Followers+f.GroupFollowers, f.GroupFollowers, f.Asking, f.Held, f.Queued, f.Failing); err != nil {
		return err
	}
	if len(f.Hosts) > 0 {
		table := term.Table{Columns: []term.Column{{Title: "SERVER"}, {Title: "STATE"}, {Title: "SINCE"}, {Title: "WAITING", Right: true}, {Title: "WHY", Cut: true}}}
		for _, h := range f.Hosts {
			table.Rows = append(table.Rows, []string{h.Host, h.State, shownTime(h.Since), strconv.Itoa(h.Queued), h.Reason})
		}
		if err := a.Printf("\n"); err != nil {
			return err
		}
		if err := a.Term.Write(table); err != nil {
			return err
		}
	}
	for _, r := range f.Reports {
		if err := a.Printf("\nReport of %s by %s\n  %s\n  %s\n", shownTime(r.At), term.Clean(r.Actor), term.Clean(r.Object), term.Clean(r.Text)); err != nil {
			return err
		}
	}
	return nil
}

func shownTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return term.Time(*t)
}

func runCheck(ctx context.Context, a *app.App, handle string) error {
	return with(ctx, a, func(_ *app.Session, f *fed.Fed) error {
		steps, err := f.Check(ctx, handle)
		if err != nil {
			return err
		}
		shapes := []wire.Step{}
		var failed error
		for _, step := range steps {
			shape := wire.Step{What: step.What, Detail: step.Detail, OK: step.Err == nil}
			if step.Err != nil {
				shape.Error, failed = step.Err.Error(), step.Err
			}
			shapes = append(shapes, shape)
		}
		err = a.Answer(shapes, func() error {
			for _, step := range shapes {
				mark := "ok    "
				if !step.OK {
					mark = "FAILED"
				}
				if err := a.Printf("%s  %s  %s\n", mark, step.What, term.Clean(step.Detail)); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil && failed != nil {
			err = &exit.RemoteError{Err: failed}
		}
		return err
	})
}

func runRetry(ctx context.Context, a *app.App) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Store.Social().Retry(ctx, time.Now()); err != nil {
		return err
	}
	queued, _, err := s.Store.Social().Queue(ctx)
	if err != nil {
		return err
	}
	return a.Answer(wire.Retried{Queued: queued}, func() error { return a.Printf("%d deliveries are tried again now\n", queued) })
}
