package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

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
		Long:    "Lists the settings: key, value, and what it means. They stand in docs/settings.md, too.",
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
	c.AddCommand(listed, newConfigGet(a), newConfigSet(a), newConfigUnset(a))
	return c
}

func newConfigGet(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "get KEY", Short: "Print the value of a setting", Long: "Prints the value of a setting, and nothing else.",
		Example: "  tubelet config get threads", Args: line.Words("a KEY"), ValidArgsFunction: completeSettings(a),
		RunE: func(c *cobra.Command, args []string) error {
			return getSetting(c.Context(), a, args[0])
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
			return changeSetting(c.Context(), a, args[0], func(store.Setting) string { return args[1] })
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newConfigUnset(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "unset KEY", Short: "Give a setting its default again",
		Long:    "Gives a setting the value that it has when nobody changes it.",
		Example: "  tubelet config unset max_height", Args: line.Words("a KEY"), ValidArgsFunction: completeSettings(a),
		RunE: func(c *cobra.Command, args []string) error {
			return changeSetting(c.Context(), a, args[0], func(s store.Setting) string { return s.Default })
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

// changeSetting gives a setting the value that to says, and shows it.
func changeSetting(ctx context.Context, a *app.App, key string, to func(store.Setting) string) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	set, err := setting(ctx, s, key)
	if err != nil {
		return err
	}
	if err := s.Store.SetSetting(ctx, key, to(set)); err != nil {
		return err
	}
	if set, err = setting(ctx, s, key); err != nil {
		return err
	}
	return a.Answer(wire.NewSetting(set), func() error { return a.Printf("%s = %s\n", set.Key, set.Value) })
}

func getSetting(ctx context.Context, a *app.App, key string) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	set, err := setting(ctx, s, key)
	if err != nil {
		return err
	}
	return a.Answer(wire.NewSetting(set), func() error { return a.Printf("%s\n", set.Value) })
}

// setting loads one setting with all that is said of it.
func setting(ctx context.Context, s *app.Session, key string) (store.Setting, error) {
	settings, err := s.Store.Settings(ctx)
	if err != nil {
		return store.Setting{}, err
	}
	if i := slices.IndexFunc(settings, func(set store.Setting) bool { return set.Key == key }); i >= 0 {
		return settings[i], nil
	}
	// Asked for by name, an unknown one is explained with the nearest that is known.
	_, err = s.Store.Setting(ctx, key)
	return store.Setting{}, err
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
	for _, set := range settings {
		shapes = append(shapes, wire.NewSetting(set))
	}
	return a.Answer(shapes, func() error {
		if !noHeader {
			head := layoutSetting(store.Setting{Key: "KEY", Value: "VALUE", Doc: "MEANING"}, 0)
			if err := a.Printf("%s\n", a.Term.Paint(term.Dim, head)); err != nil {
				return err
			}
		}
		for _, set := range settings {
			if err := a.Printf("%s\n", layoutSetting(set, a.Term.Width)); err != nil {
				return err
			}
		}
		return nil
	})
}

// The columns of the list of settings. A longer value has a line of its own, so that one
// command with a long path does not push all explanations to the edge.
const (
	keyColumn   = 22
	valueColumn = 16
)

// layoutSetting returns the lines of a setting: key, value, and the meaning, which goes on
// below itself where it is wider than the terminal; off a terminal it is one line.
func layoutSetting(set store.Setting, width int) string {
	value := term.Clean(set.Value)
	left := fmt.Sprintf("%-*s%-*s", keyColumn, set.Key, valueColumn-1, value) + " "
	if width == 0 {
		return left + set.Doc
	}
	indent := keyColumn + valueColumn
	if width < 2*indent {
		indent = 4 // beside the value would be no room
	}
	lines := wrap(set.Doc, max(20, width-indent))
	margin := "\n" + strings.Repeat(" ", indent)
	if indent == 4 || utf8.RuneCountInString(value) >= valueColumn {
		return strings.TrimRight(left, " ") + margin + strings.Join(lines, margin)
	}
	return left + strings.Join(lines, margin)
}

// wrap breaks text at spaces into lines of at most width characters; a word that is longer
// keeps a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if n := len(lines); n > 0 && utf8.RuneCountInString(lines[n-1]+" "+word) <= width {
			lines[n-1] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
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
