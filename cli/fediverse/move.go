package fediverse

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/store"
)

func newMoveTo(a *app.App) *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "move-to @USER@HOST", Short: "Tell followers to follow another account instead",
		Long: `Tells followers to follow another account instead, which must name this channel among its
aliases already. Their servers do that by themselves, most of them once in some days. The
videos stay here.`,
		Example: "  tubelet move-to @workshop@new.example --yes", Args: line.Words("the address of the new account"),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := handleOf(args[0]); err != nil {
				return err
			}
			return with(c.Context(), a, func(s *app.Session, f *fed.Fed) error {
				if err := confirm(c.Context(), a, s, yes, "Sends all followers to "+term.Clean(args[0])+"."); err != nil {
					return err
				}
				if err := elsewhere(f.MoveTo(c.Context(), args[0])); err != nil {
					return err
				}
				return a.Answer(wire.Done{Target: args[0], Done: "moved"}, func() error { return a.Printf("Followers are told to follow %s\n", term.Clean(args[0])) })
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	line.Exits(c, exit.NotFound, exit.Remote)
	return c
}

func newMoveFrom(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "move-from @USER@HOST", Short: "Let an account elsewhere send its followers here",
		Long:    "Names an account elsewhere as an alias, so that it can send its followers here.",
		Example: "  tubelet move-from @workshop@old.example", Args: line.Words("the address of the old account"),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := handleOf(args[0]); err != nil {
				return err
			}
			return with(c.Context(), a, func(_ *app.Session, f *fed.Fed) error {
				if err := elsewhere(f.AddAlias(c.Context(), args[0])); err != nil {
					return err
				}
				return a.Answer(wire.Done{Target: args[0], Done: "alias"}, func() error { return a.Printf("%s may move here now\n", term.Clean(args[0])) })
			})
		},
	}
	line.Exits(c, exit.NotFound, exit.Remote)
	return c
}

func newRetire(a *app.App) *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "retire", Short: "End the channel in the fediverse, for good",
		Long: `Tells all followers' servers that the channel has ended: they delete what they have of it.
There is no way back: they never believe again in an account that was deleted. Keep the
server running for some days, until all have heard of it. Pages and files stay.`,
		Example: "  tubelet retire --yes", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c.Context(), a, func(s *app.Session, f *fed.Fed) error {
				if err := confirm(c.Context(), a, s, yes, "Deletes the channel from every server of the fediverse, for good."); err != nil {
					return err
				}
				if err := f.Retire(c.Context()); err != nil {
					return err
				}
				handle := "@" + s.Site.Channel.Handle + "@" + s.Site.Channel.Domain
				return a.Answer(wire.Done{Target: handle, Done: "retired"}, func() error { return a.Printf("%s is retired\n", handle) })
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	line.Exits(c, exit.NotFound)
	return c
}

// confirm asks for the channel's handle before what cannot be undone.
func confirm(ctx context.Context, a *app.App, s *app.Session, yes bool, what string) error {
	if yes {
		return nil
	}
	return a.Term.Confirm(ctx, what, s.Site.Channel.Handle)
}

// elsewhere marks what went wrong on another machine.
func elsewhere(err error) error {
	if err == nil || errors.Is(err, store.ErrInvalid) {
		return err
	}
	return &exit.RemoteError{Err: err}
}
