package machine

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/notify"
)

func newNotify(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "notify", Short: "Show how you are told what happens, and try it",
		Long: `Shows the ways by which the server tells you what happens, and how they fare: new comments and
followers, together and not too often; failed jobs, a certificate that ends, a full disk and
an old backup at once. Set one up with the settings notify.*, for example

  tubelet config set notify.url https://ntfy.example/my-channel
  tubelet config set notify.format ntfy

or, for mail, notify.smtp, notify.from and notify.to, and where the mail server wants a name,
notify.user and notify.password_file.`,
		Example: "  tubelet notify", Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return runNotify(c.Context(), a)
		},
	}
	line.Exits(c, exit.NotFound)
	test := &cobra.Command{
		Use: "test", Short: "Send a test message by every way that is set up",
		Long:    "Sends a test message by every way that is set up, and says how each went.",
		Example: "  tubelet notify test", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return runNotifyTest(c.Context(), a) },
	}
	line.Exits(test, exit.NotFound, exit.Remote)
	c.AddCommand(test)
	return c
}

func runNotify(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	names, err := notify.Ways(ctx, s.Store)
	if err != nil {
		return err
	}
	shapes := []wire.Way{}
	for _, name := range names {
		way, err := notify.State(s.Data, name)
		if err != nil {
			return err
		}
		shapes = append(shapes, wire.NewWay(way))
	}
	return a.Answer(shapes, func() error {
		if len(shapes) == 0 {
			return a.Printf("nothing is set up: see tubelet notify --help\n")
		}
		for _, w := range shapes {
			state := "works"
			switch {
			case w.Error != "":
				state = "failed on " + term.Time(*w.FailedAt) + ": " + term.Clean(w.Error)
			case w.Since == nil:
				state = "not used yet: the server does, within a minute"
			}
			if err := a.Printf("notify.%s  %s\n", w.Way, state); err != nil {
				return err
			}
		}
		return nil
	})
}

func runNotifyTest(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	names, err := notify.Ways(ctx, s.Store)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return exit.Hint(exit.Usagef("no way to tell you is set up"), "To see how: tubelet help notify")
	}
	shapes, failed := []wire.Tried{}, error(nil)
	for _, name := range names {
		shape := wire.Tried{Way: name, OK: true}
		if err := notify.Try(ctx, s.Store, name); err != nil {
			shape.OK, shape.Error = false, err.Error()
			failed = errors.Join(failed, fmt.Errorf("notify.%s: %w", name, err))
		}
		shapes = append(shapes, shape)
	}
	err = a.Answer(shapes, func() error {
		for _, t := range shapes {
			if t.OK {
				if err := a.Printf("notify.%s  sent\n", t.Way); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && failed != nil {
		err = &exit.RemoteError{Err: failed}
	}
	return err
}
