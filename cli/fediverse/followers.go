package fediverse

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/store/social"
)

const followersShown = 100

func newFollowers(a *app.App) *cobra.Command {
	var noHeader bool
	var limit line.Limit
	c := &cobra.Command{
		Use:   "followers",
		Short: "List who follows, approve and remove",
		Long: `Lists who follows the channel from other servers, first those who ask to, then the latest.
With the setting followers.approve nobody follows before you have approved.`,
		Example: "  tubelet followers\n  tubelet followers approve @ada@social.example",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return listFollowers(c.Context(), a, limit.Most(), noHeader)
		},
	}
	flags := func(c *cobra.Command) {
		c.Flags().BoolVar(&noHeader, "no-header", false, "without the line of column titles")
		line.LimitFlag(c, &limit, followersShown, "of each kind at most")
	}
	flags(c)
	line.Exits(c, exit.NotFound)
	ls := &cobra.Command{
		Use: "ls", Short: "List who follows", Long: "Lists who follows, as tubelet followers does.",
		Example: "  tubelet followers ls --json", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return listFollowers(c.Context(), a, limit.Most(), noHeader) },
	}
	flags(ls)
	line.Exits(ls, exit.NotFound)
	c.AddCommand(ls,
		newFollower(a, "approve", "approved", "Let somebody follow who asks to", "Lets somebody follow who asks to.", (*fed.Fed).Approve),
		newFollower(a, "rm", "removed", "Have somebody follow no longer",
			"Has somebody follow no longer, or refuses who asks to, and tells their server. They can ask\nagain, unless you block them.", (*fed.Fed).RemoveFollower))
	return c
}

func newFollower(a *app.App, word, done, short, long string, do func(*fed.Fed, context.Context, string) error) *cobra.Command {
	c := &cobra.Command{
		Use: word + " @USER@HOST", Short: short, Long: long,
		Example: "  tubelet followers " + word + " @ada@social.example", Args: line.Words("the address of a follower"),
		RunE: func(c *cobra.Command, args []string) error {
			return with(c.Context(), a, func(_ *app.Session, f *fed.Fed) error {
				if err := do(f, c.Context(), args[0]); err != nil {
					return err
				}
				return a.Answer(wire.Done{Target: args[0], Done: done}, func() error { return a.Printf("%s is %s\n", term.Clean(args[0]), done) })
			})
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func listFollowers(ctx context.Context, a *app.App, limit int, noHeader bool) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Store.Social().Waiting(ctx)
	if err != nil {
		return err
	}
	list = list[:min(len(list), limit)]
	for _, target := range []social.Target{social.Person, social.Group} {
		some, _, err := s.Store.Social().Followers(ctx, target, 0, limit)
		if err != nil {
			return err
		}
		list = append(list, some...)
	}
	shapes := []wire.Follower{}
	table := term.Table{NoHeader: noHeader, None: "Nobody follows, and nobody asks to.", Columns: []term.Column{{Title: "WHO"}, {Title: "NAME", Cut: true}, {Title: "FOLLOWS"}, {Title: "STATE"}, {Title: "SINCE"}}}
	for _, who := range list {
		shape := wire.NewFollower(who)
		shapes = append(shapes, shape)
		table.Rows = append(table.Rows, []string{who.Acct, who.Name, shape.Target, shape.State, term.Time(who.AskedAt)})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}
