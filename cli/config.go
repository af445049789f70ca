package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/store"
)

func newConfig(a *app) *cobra.Command {
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
				return unknown(c, args[0])
			}
			return list(c, args)
		},
	}
	listed := &cobra.Command{
		Use: "list", Short: "List the settings", Long: "Lists the settings: key, value, and what it means.",
		Example: "  tubelet config list --json", Args: words(), RunE: list,
	}
	for _, c := range []*cobra.Command{c, listed} {
		c.Flags().BoolVar(&noHeader, "no-header", false, "without the line of column titles")
		exits(c, exit.NotFound)
	}
	c.AddCommand(listed, newConfigGet(a), newConfigSet(a))
	return c
}

func newConfigGet(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "get KEY", Short: "Print the value of a setting", Long: "Prints the value of a setting, and nothing else.",
		Example: "  tubelet config get threads", Args: words("a KEY"), ValidArgsFunction: a.completeSettings,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withSetting(c.Context(), args[0], nil, func(s store.Setting) error { return a.printf("%s\n", s.Value) })
		},
	}
	exits(c, exit.NotFound)
	return c
}

func newConfigSet(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "set KEY VALUE", Short: "Change a setting",
		Long:    "Changes a setting. A value that makes no sense is refused, with what would.",
		Example: "  tubelet config set max_height 1080", Args: words("a KEY", "a VALUE"), ValidArgsFunction: a.completeSettings,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withSetting(c.Context(), args[0], &args[1], func(s store.Setting) error {
				return a.printf("%s = %s\n", s.Key, s.Value)
			})
		},
	}
	exits(c, exit.NotFound)
	return c
}

// withSetting sets a setting unless value is nil, and shows it.
func (a *app) withSetting(ctx context.Context, key string, value *string, people func(store.Setting) error) error {
	open := a.look
	if value != nil {
		open = a.open
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if value != nil {
		if err := s.store.SetSetting(ctx, key, *value); err != nil {
			return err
		}
	}
	settings, err := s.store.Settings(ctx)
	if err != nil {
		return err
	}
	for _, set := range settings {
		if set.Key == key {
			return a.answer(wire.NewSetting(set), func() error { return people(set) })
		}
	}
	// Asked for by name, an unknown one is explained with the nearest that is known.
	_, err = s.store.Setting(ctx, key)
	return err
}

func runConfigList(ctx context.Context, a *app, noHeader bool) error {
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	settings, err := s.store.Settings(ctx)
	if err != nil {
		return err
	}
	shapes := []wire.Setting{}
	table := term.Table{NoHeader: noHeader, Columns: []term.Column{{Title: "KEY"}, {Title: "VALUE"}, {Title: "MEANING", Cut: true}}}
	for _, set := range settings {
		shapes = append(shapes, wire.NewSetting(set))
		table.Rows = append(table.Rows, []string{set.Key, set.Value, set.Doc})
	}
	return a.answer(shapes, func() error { return a.term.Write(table) })
}
