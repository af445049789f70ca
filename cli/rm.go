package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/store"
)

func newRm(a *app) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "rm ID",
		Short: "Remove a video for good",
		Long: `Removes a video and all its files for good. It asks for the id, and where it cannot ask it
refuses without --yes.`,
		Example:           "  tubelet rm k3v9x2m1qa --yes",
		Args:              words("the ID of a video"),
		ValidArgsFunction: a.completeVideos,
		RunE:              func(c *cobra.Command, args []string) error { return runRm(c.Context(), a, args[0], yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	exits(c, exit.NotFound)
	return c
}

func runRm(ctx context.Context, a *app, id string, yes bool) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	v, err := s.video(ctx, id)
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, yes, "Removes %s with all its files, for good.", v); err != nil {
		return err
	}
	w, err := s.worker(ctx)
	if err != nil {
		return err
	}
	if err := w.Remove(ctx, id); err != nil {
		return err
	}
	return a.answer(wire.Removed{ID: v.ID, Title: v.Title}, func() error {
		return a.printf("Removed %s (%s).\n", v.ID, term.Clean(v.Title))
	})
}

// confirm asks for v's id before what cannot be undone.
func (a *app) confirm(ctx context.Context, yes bool, what string, v store.Video) error {
	if yes {
		return nil
	}
	return a.term.Confirm(ctx, fmt.Sprintf(what, a.term.PaintErr(term.Bold, term.Clean(v.Title))), v.ID)
}
