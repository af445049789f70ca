package app

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/store"
)

// completions is how many are shown at once: a longer list helps nobody, and completion must not keep a shell waiting.
const completions = 200

// CompleteVideos lists ids of videos with their titles, the newest first.
func (a *App) CompleteVideos(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.Complete(c.Context(), func(ctx context.Context, s *Session) ([]string, error) {
		videos, _, err := s.Store.Videos(ctx, store.List{Audience: store.Everyone, Sort: "created", Limit: completions})
		var words []string
		for _, v := range videos {
			words = append(words, v.ID+"\t"+term.Clean(v.Title))
		}
		return words, err
	})
}

// Complete asks an open channel for words. What goes wrong completes nothing: a message
// would land in the middle of the line being typed, for which the shell waits not long.
func (a *App) Complete(ctx context.Context, words func(context.Context, *Session) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := a.Look(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer s.Close()
	list, err := words(ctx, s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
