package care

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/export"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

func newExport(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the channel as plain files",
		Long: `Writes everything as files that other programs read: a folder for each video with the original,
or the best rendition where that is not kept, captions, picture, description as Markdown and all
else as JSON; comments; followers.csv; what you like and boost. Drafts are among them, keys are
not. DIR must be empty. For a copy that can be served again, make a backup.`,
		Example: "  tubelet export my-channel",
		Args:    line.Words("a folder to write to"),
		RunE:    func(c *cobra.Command, args []string) error { return runExport(c.Context(), a, args[0]) },
	}
	line.Exits(c, exit.NotFound, exit.Conflict)
	return c
}

func runExport(ctx context.Context, a *app.App, dir string) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	show, clear := shows(a)
	r, err := export.Make(ctx, export.Config{Data: s.Data, Store: s.Store, Dir: dir,
		Report: func(stage string, percent float64) { show(vault.Progress{Stage: stage, Percent: percent}) }})
	clear()
	if errors.Is(err, store.ErrExists) {
		return exit.Hint(err, "Name a new folder, or an empty one.")
	}
	if err != nil {
		return err
	}
	out := wire.Exported{Schema: wire.Schema, Folder: dir, Videos: r.Videos, Followers: r.Followers, Bytes: r.Bytes,
		Missing: append([]string{}, r.Missing...), Seconds: r.Took.Seconds()}
	err = a.Answer(out, func() error {
		err := a.Printf("Exported %s, %s, and %s to %s.\n", count(r.Videos, "video"), term.Bytes(r.Bytes), count(r.Followers, "follower"), dir)
		for _, path := range r.Missing {
			err = errors.Join(err, a.Printf("  missing: %s\n", term.Clean(path)))
		}
		return err
	})
	if err == nil && len(r.Missing) > 0 {
		err = exit.Hint(errors.New(count(len(r.Missing), "file")+" missing"), "tubelet verify and tubelet repair look after the channel.")
	}
	return err
}
