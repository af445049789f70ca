// Package cli obeys the creator: one file per command, each a constructor, its options
// and a run function that makes one call into the packages below. It has no logic of its
// own.
//
// Answers go to standard output, everything else to standard error. With --json an answer
// is one object or array, or one object a line for long work (package wire has the
// shapes, docs/json.md the words). Package exit turns errors into exit codes.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
)

// app is one run of the program: its streams and the options that all commands share.
type app struct {
	term   *term.Terminal
	getenv func(string) string
	data   string // --data
	json   bool   // --json
	ran    bool   // a command was found and its line understood
}

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{term: term.New(stdin, stdout, stderr, os.Getenv), getenv: os.Getenv}
	root := newRoot(a)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exit.OK
	}
	if !a.ran {
		// What cobra finds wrong before a command runs is the command line.
		err = exit.Hint(&exit.UsageError{Err: err}, "See: %s --help", command.CommandPath())
	}
	return a.fail(exit.Describe(err))
}

// fail tells the error and returns its exit code.
func (a *app) fail(r exit.Report) int {
	if a.json {
		_ = json.NewEncoder(a.term.Err).Encode(r)
		return r.Exit
	}
	fmt.Fprintln(a.term.Err, "tubelet: "+r.Message)
	if r.Hint != "" {
		fmt.Fprintln(a.term.Err, r.Hint)
	}
	return r.Exit
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "tubelet",
		Short: "One person's video channel",
		Long: `Tubelet is one person's video channel: it stores videos, makes them playable in any
browser and serves the pages. Commands work whether the server runs or not.`,
		Example: `  tubelet init --local
  tubelet publish talk.mp4 --title "A talk"
  tubelet ls`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	group(root)
	exits(root, exit.Usage)
	root.SetIn(a.term.In)
	root.SetOut(a.term.Out)
	root.SetErr(a.term.Err)
	root.SetUsageTemplate(usage)
	root.SetFlagErrorFunc(badFlag)
	root.PersistentFlags().StringVar(&a.data, "data", "", "`DIR` of the channel's data (default $TUBELET_DATA, else "+defaultData+")")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "answer with JSON, as docs/json.md describes it")
	root.AddCommand(
		newInit(a), newServe(a), newPublish(a), newLs(a), newShow(a), newEdit(a), newReplace(a), newRm(a),
		newJobs(a), newChannel(a), newConfig(a), newVersion(a), newCompletion(a),
	)
	root.SetHelpCommand(newHelp(root))
	a.note(root)
	return root
}

// note makes every command say that its line was understood before it does anything.
func (a *app) note(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			a.ran = true
			return run(c, args)
		}
	}
	for _, child := range c.Commands() {
		a.note(child)
	}
}

// group makes c a command that is nothing without one of its own.
func group(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return unknown(c, args[0])
	}
}

// words accepts as many arguments as there are names for them.
func words(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s needs %s", name(c), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return fmt.Errorf("%s does not know what to do with %q", name(c), args[len(names)])
		}
		return nil
	}
}

// name returns what c is called behind the program's own name, which stands before every
// message.
func name(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().Name()), " ")
}

// exclusive says that of flags one can be given. Cobra checks that too, too late and in
// words for programmers, but hides the others when one is completed.
func exclusive(c *cobra.Command, flags ...string) {
	c.MarkFlagsMutuallyExclusive(flags...)
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		given := slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return !c.Flags().Changed(flag) })
		if len(given) > 1 {
			return exit.Usagef("--%s do not go together: choose one", strings.Join(given, " and --"))
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
}

// badFlag says what is wrong with the value of an option.
func badFlag(_ *cobra.Command, err error) error {
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		want := map[string]string{"int": "a number", "bool": "true or false"}[bad.GetFlag().Value.Type()]
		return exit.Usagef("--%s %q: it is %s", bad.GetFlag().Name, bad.GetValue(), cmp.Or(want, "another kind of value"))
	}
	return err
}

// unknown returns the error for a word that names no command of c.
func unknown(c *cobra.Command, word string) error {
	err := exit.Usagef("there is no command %q", strings.TrimSpace(name(c)+" "+word))
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return exit.Hint(err, "Did you mean %s?", strings.Join(near, " or "))
	}
	return exit.Hint(err, "See: %s --help", c.CommandPath())
}

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		Short:                 "Explain a command",
		Long:                  "Explains a command: what it does, its options, an example, its exit codes.",
		Example:               "  tubelet help publish",
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range root.Commands() {
				names = append(names, c.Name()+"\t"+c.Short)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if len(rest) > 0 {
				return unknown(c, rest[0])
			}
			if err != nil {
				return &exit.UsageError{Err: err}
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

// exits puts the codes a command can end with into its help, beside 0, 1, 2 and 130 where
// every command can.
func exits(c *cobra.Command, codes ...int) {
	var b strings.Builder
	for _, code := range []int{exit.OK, exit.Failed, exit.Usage, exit.NotFound, exit.Conflict, exit.Remote, exit.Refused, exit.Interrupted} {
		always := code == exit.OK || code == exit.Failed || code == exit.Usage || code == exit.Interrupted
		for _, own := range codes {
			always = always || own == code
		}
		if always {
			fmt.Fprintf(&b, "\n  %-3d  %s", code, exit.Meaning(code))
		}
	}
	c.Annotations = map[string]string{"exits": b.String()}
}

// usage is cobra's template without what nobody needs, and with the exit codes.
const usage = `Usage:
{{if .HasAvailableSubCommands}}  {{.CommandPath}} {{if .HasParent}}[COMMAND]{{else}}COMMAND{{end}}{{else}}  {{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Options:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Options of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{with .Annotations.exits}}

Exit codes:{{.}}{{end}}
`

// answer prints value as JSON, or calls people to say it in words.
func (a *app) answer(value any, people func() error) error {
	if !a.json {
		return people()
	}
	out := json.NewEncoder(a.term.Out)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(value)
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.term.Out, format, args...)
	return err
}
