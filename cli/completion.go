package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/text/language/display"

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

// completeSettings lists the keys of settings with what they mean, then, for set, the
// values that the one named can have.
func (a *app) completeSettings(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 || len(args) == 1 && c.Name() != "set" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(c.Context(), func(ctx context.Context, s *session) ([]string, error) {
		settings, err := s.store.Settings(ctx)
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

// completes offers words for the value of a flag.
func completes(c *cobra.Command, flag string, words func() []string) {
	// It fails for a flag that c has not, and then nobody could ask for its values.
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	})
}

// languages returns the codes of languages with what their speakers call them.
func languages() []string {
	var words []string
	for _, tag := range display.Supported.Tags() {
		if code := tag.String(); len(code) == 2 {
			words = append(words, code+"\t"+display.Self.Name(tag))
		}
	}
	return words
}

// complete asks an open channel for words. What goes wrong completes nothing: a message
// would land in the middle of the line being typed, for which the shell waits not long.
func (a *app) complete(ctx context.Context, words func(context.Context, *session) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := a.look(ctx)
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
