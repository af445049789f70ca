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

func newConfig(a *app.App) *cobra.Command {
	var noHeader bool
	list := func(c *cobra.Command, _ []string) error { return runConfigList(c.Context(), a, noHeader) }
	c := &cobra.Command{
		Use:     "config",
		Short:   "List, get and set the settings",
		Long:    "Lists the settings: key, value, and what it means.",
		Example: "  tubelet config\n  tubelet config set threads 2",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return list(c, args)
		},
	}
	listed := &cobra.Command{
		Use: "list", Short: "List the settings", Long: "Lists the settings: key, value, and what it means.",
		Example: "  tubelet config list --json", Args: line.Words(), RunE: list,
	}
	for _, c := range []*cobra.Command{c, listed} {
		c.Flags().BoolVar(&noHeader, "no-header", false, "without the line of column titles")
		line.Exits(c, exit.NotFound)
	}
	c.AddCommand(listed, newConfigGet(a), newConfigSet(a))
	return c
}

func newConfigGet(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "get KEY", Short: "Print the value of a setting", Long: "Prints the value of a setting, and nothing else.",
		Example: "  tubelet config get threads", Args: line.Words("a KEY"), ValidArgsFunction: completeSettings(a),
		RunE: func(c *cobra.Command, args []string) error {
			return withSetting(c.Context(), a, args[0], nil, func(s store.Setting) error { return a.Printf("%s\n", s.Value) })
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newConfigSet(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "set KEY VALUE", Short: "Change a setting",
		Long:    "Changes a setting. A value that makes no sense is refused, with what would.",
		Example: "  tubelet config set max_height 1080", Args: line.Words("a KEY", "a VALUE"), ValidArgsFunction: completeSettings(a),
		RunE: func(c *cobra.Command, args []string) error {
			return withSetting(c.Context(), a, args[0], &args[1], func(s store.Setting) error {
				return a.Printf("%s = %s\n", s.Key, s.Value)
			})
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

// withSetting sets a setting unless value is nil, and shows it.
func withSetting(ctx context.Context, a *app.App, key string, value *string, people func(store.Setting) error) error {
	open := a.Look
	if value != nil {
		open = a.Open
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if value != nil {
		if err := s.Store.SetSetting(ctx, key, *value); err != nil {
			return err
		}
	}
	settings, err := s.Store.Settings(ctx)
	if err != nil {
		return err
	}
	for _, set := range settings {
		if set.Key == key {
			return a.Answer(wire.NewSetting(set), func() error { return people(set) })
		}
	}
	// Asked for by name, an unknown one is explained with the nearest that is known.
	_, err = s.Store.Setting(ctx, key)
	return err
}

func runConfigList(ctx context.Context, a *app.App, noHeader bool) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	settings, err := s.Store.Settings(ctx)
	if err != nil {
		return err
	}
	shapes := []wire.Setting{}
	table := term.Table{NoHeader: noHeader, Columns: []term.Column{{Title: "KEY"}, {Title: "VALUE"}, {Title: "MEANING", Cut: true}}}
	for _, set := range settings {
		shapes = append(shapes, wire.NewSetting(set))
		table.Rows = append(table.Rows, []string{set.Key, set.Value, set.Doc})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}

// completeSettings lists the keys of settings with what they mean, then, for set, the
// values that the one named can have.
func completeSettings(a *app.App) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 1 || len(args) == 1 && c.Name() != "set" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.Complete(c.Context(), func(ctx context.Context, s *app.Session) ([]string, error) {
			settings, err := s.Store.Settings(ctx)
			var words []string
			for _, set := range settings {
				switch {
				case len(args) == 0:
					words = append(words, set.Key+"\t"+set.Doc)
				case set.Key == args[0]:
					words = set.Choices
				}
			}
			return words, err
		})
	}
}
