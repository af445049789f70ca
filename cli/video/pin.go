package video

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/store"
)

func newPin(a *app.App) *cobra.Command {
	undo := false
	c := &cobra.Command{
		Use:   "pin ID",
		Short: "Show a video before all others",
		Long: `Shows a public video before all others, on the channel's page and in profiles on other servers.
At most five are pinned, the latest pinned first. Hiding a video, or making it unlisted, takes
it off.`,
		Example:           "  tubelet pin k3v9x2m1qa\n  tubelet pin k3v9x2m1qa --undo",
		Args:              line.Words("the ID of a video"),
		ValidArgsFunction: a.CompleteVideos,
		RunE:              func(c *cobra.Command, args []string) error { return runPin(c.Context(), a, args[0], undo) },
	}
	c.Flags().BoolVar(&undo, "undo", false, "show it in its place again")
	line.Exits(c, exit.NotFound, exit.Conflict)
	return c
}

func runPin(ctx context.Context, a *app.App, id string, undo bool) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.Video(ctx, id)
	if err != nil {
		return err
	}
	said := "Pinned"
	if !undo && !v.Listed() {
		return exit.Conflictf("%s is not public, and a pin is for everybody", v.ID)
	}
	if undo {
		said, err = "No longer pinned", s.Store.Unpin(ctx, v.ID)
		if errors.Is(err, store.ErrNotFound) {
			said, err = "Not pinned", nil
		}
	} else {
		err = s.Store.Pin(ctx, v.ID, time.Now())
	}
	if errors.Is(err, store.ErrExists) {
		err = exit.Hint(err, "To see which: tubelet ls\nTo take one off: tubelet pin ID --undo")
	}
	if err != nil {
		return err
	}
	if v, err = s.Video(ctx, v.ID); err != nil {
		return err
	}
	return a.Answer(s.Site.Video(v), func() error { return a.Printf("%s: %s\n", said, term.Clean(v.Title)) })
}
