package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/store"
)

// shown at once: a longer list helps nobody, and completion must not keep a shell waiting.
const completions = 200

func newCompletion(a *app) *cobra.Command {
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
		Args:                  cobra.MatchAll(words("the name of a shell"), cobra.OnlyValidArgs),
		RunE: func(c *cobra.Command, args []string) error {
			return generate(c.Root(), args[0], a.term.Out)
		},
	}
	exits(c)
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

// completeVideos lists ids of videos with their titles, the newest first.
func (a *app) completeVideos(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c.Context(), func(ctx context.Context, s *session) ([]string, error) {
		videos, _, err := s.store.Videos(ctx, store.List{Audience: store.Everyone, Sort: "created", Limit: completions})
		var words []string
		for _, v := range videos {
			words = append(words, v.ID+"\t"+term.Clean(v.Title))
		}
		return words, err
	})
}

// completeJobs lists ids of unfinished jobs with what they do.
func (a *app) completeJobs(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c.Context(), func(ctx context.Context, s *session) ([]string, error) {
		jobs, err := s.store.Jobs(ctx, store.JobList{})
		var words []string
		for _, j := range unfinished(jobs) {
			words = append(words, fmt.Sprintf("%d\t%s of %s, %s", j.ID, j.Kind, j.Video, j.State))
		}
		return words, err
	})
}

// completeSettings lists the keys of settings with what they mean.
func (a *app) completeSettings(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c.Context(), func(ctx context.Context, s *session) ([]string, error) {
		settings, err := s.store.Settings(ctx)
		var words []string
		for _, set := range settings {
			words = append(words, set.Key+"\t"+set.Doc)
		}
		return words, err
	})
}

// complete asks an open channel for words. What goes wrong completes nothing: a message
// would land in the middle of the line being typed.
func (a *app) complete(ctx context.Context, words func(context.Context, *session) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	if ctx == nil {
		ctx = context.Background()
	}
	s, err := a.open(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.close()
	list, err := words(ctx, s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
