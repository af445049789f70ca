package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/line"
)

func newCompletion(a *app.App) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	c := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands, options and ids",
		Long: `Prints a script for a shell that completes commands, options, and the ids of videos with
their titles. To load it at each start:

  bash        tubelet completion bash > ~/.local/share/bash-completion/completions/tubelet
  zsh         tubelet completion zsh > "${fpath[1]}/_tubelet"
  fish        tubelet completion fish > ~/.config/fish/completions/tubelet.fish
  powershell  tubelet completion powershell >> $PROFILE`,
		Example:               "  tubelet completion bash",
		DisableFlagsInUseLine: true,
		ValidArgs:             shells,
		Args:                  cobra.MatchAll(line.Words("the name of a shell"), cobra.OnlyValidArgs),
		RunE: func(c *cobra.Command, args []string) error {
			return generate(c.Root(), args[0], a.Term.Out)
		},
	}
	line.Exits(c)
	return c
}

func generate(root *cobra.Command, shell string, out io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	}
	return root.GenPowerShellCompletionWithDesc(out)
}
