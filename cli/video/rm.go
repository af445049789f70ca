package video

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
)

func newRm(a *app.App) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "rm ID",
		Short: "Remove a video for good",
		Long: `Removes a video and all its files for good. It asks for the id, and where it cannot ask it
refuses without --yes.`,
		Example:           "  tubelet rm k3v9x2m1qa --yes",
		Args:              line.Words("the ID of a video"),
		ValidArgsFunction: a.CompleteVideos,
		RunE:              func(c *cobra.Command, args []string) error { return runRm(c.Context(), a, args[0], yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	line.Exits(c, exit.NotFound)
	return c
}

func runRm(ctx context.Context, a *app.App, video string, yes bool) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.Video(ctx, video)
	if err != nil {
		return err
	}
	if err := a.Confirm(ctx, yes, "Removes %s with all its files, for good.", v); err != nil {
		return err
	}
	w, err := s.Worker(ctx)
	if err != nil {
		return err
	}
	if err := w.Remove(ctx, v.ID); err != nil {
		return err
	}
	return a.Answer(wire.Removed{ID: v.ID, Title: v.Title}, func() error {
		return a.Printf("Removed %s (%s).\n", v.ID, term.Clean(v.Title))
	})
}
