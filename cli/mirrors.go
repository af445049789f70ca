package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/store"
)

func newMirrors(a *app.App) *cobra.Command {
	var noHeader bool
	c := &cobra.Command{
		Use:   "mirrors",
		Short: "List the machines that mirror this channel, and refuse one",
		Long: `Lists the machines that have offered to give this channel's videos to its viewers: other
people's, with tubelet mirror. They cannot change what is watched, since viewers check every
piece; but viewers connect to them, and one may not be welcome.`,
		Example: "  tubelet mirrors\n  tubelet mirrors refuse attic",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return runMirrors(c.Context(), a, noHeader)
		},
	}
	c.Flags().BoolVar(&noHeader, "no-header", false, "without the line of column titles")
	line.Exits(c, exit.NotFound)
	c.AddCommand(
		newMirrorsSet(a, "refuse", true, "Send a mirror's viewers elsewhere", "Refuses a mirror: no viewer is told of it any more, from its next connection on."),
		newMirrorsSet(a, "allow", false, "Welcome a mirror again", "Takes a refusal back."),
	)
	return c
}

func newMirrorsSet(a *app.App, word string, refuse bool, short, long string) *cobra.Command {
	c := &cobra.Command{
		Use: word + " MIRROR", Short: short, Long: long + "\nIt is named by its name or the beginning of its id.",
		Example: "  tubelet mirrors " + word + " attic", Args: line.Words("the name or id of a mirror"),
		RunE: func(c *cobra.Command, args []string) error {
			return setMirror(c.Context(), a, args[0], refuse)
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func runMirrors(ctx context.Context, a *app.App, noHeader bool) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Store.Mirrors(ctx)
	if err != nil {
		return err
	}
	shapes := []wire.Mirror{}
	table := term.Table{NoHeader: noHeader, None: "No machine mirrors this channel.", Columns: []term.Column{{Title: "ID"}, {Title: "NAME", Cut: true}, {Title: "STATE"}, {Title: "SEEN"}, {Title: "ADDRESS", Cut: true}}}
	for _, m := range list {
		shapes = append(shapes, wire.NewMirror(m))
		table.Rows = append(table.Rows, []string{m.ID[:min(len(m.ID), 12)], m.Name, mirrorState(m), term.Time(m.SeenAt), m.URL})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}

func setMirror(ctx context.Context, a *app.App, name string, refuse bool) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	m, err := s.Store.RefuseMirror(ctx, name, refuse)
	if err != nil {
		return err
	}
	return a.Answer(wire.NewMirror(m), func() error { return a.Printf("%s is %s\n", term.Clean(m.Name), mirrorState(m)) })
}

func mirrorState(m store.Mirror) string {
	if m.Refused {
		return "refused"
	}
	return "allowed"
}
