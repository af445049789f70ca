package line

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/exit"
)

// NewHelp returns the command that explains the others.
func NewHelp(root *cobra.Command) *cobra.Command {
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
				return Unknown(c, rest[0])
			}
			if err != nil {
				return &exit.UsageError{Err: err}
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

// Exits puts the codes a command can end with into its help, beside 0, 1, 2 and 130 where
// every command can.
func Exits(c *cobra.Command, codes ...int) {
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

// Usage is cobra's template without what nobody needs, and with the exit codes.
const Usage = `Usage:
{{if and .HasAvailableSubCommands (eq .Use .Name)}}  {{.CommandPath}} {{if .HasParent}}[COMMAND]{{else}}COMMAND{{end}}{{else}}  {{.UseLine}}{{end}}{{if .HasExample}}

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
