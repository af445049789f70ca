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
	"github.com/tubelet/tubelet/server/work"
)

func newGC(a *app.App) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove files that belong to nothing",
		Long: `Removes what lies in the data directory and belongs to no video, no open job and no running
command: what was left by a power cut, for example. The server does the same once an hour. What
restore kept aside it leaves alone.`,
		Example: "  tubelet gc --dry-run",
		Args:    line.Words(),
		RunE:    func(c *cobra.Command, _ []string) error { return runGC(c.Context(), a, dryRun) },
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	line.Exits(c, exit.NotFound)
	return c
}

func runGC(ctx context.Context, a *app.App, dryRun bool) error {
	return a.WithWorker(ctx, func(s *app.Session, w *work.Worker) error {
		list, err := w.Orphans(ctx, !dryRun)
		if err != nil {
			return err
		}
		out := wire.GC{Schema: wire.Schema, DryRun: dryRun, Removed: []wire.Orphan{}}
		for _, o := range list {
			out.Bytes += o.Bytes
			out.Removed = append(out.Removed, wire.Orphan{Path: o.Path, Reason: o.Why, Bytes: o.Bytes})
		}
		return a.Answer(out, func() error { return sayGC(a, out) })
	})
}

func sayGC(a *app.App, g wire.GC) error {
	if len(g.Removed) == 0 {
		return a.Printf("Nothing is left over.\n")
	}
	var err error
	for _, o := range g.Removed {
		err = errors.Join(err, a.Printf("  %s: %s, %s\n", term.Clean(o.Path), o.Reason, term.Bytes(o.Bytes)))
	}
	word := "Removed"
	if g.DryRun {
		word = "Would remove"
	}
	return errors.Join(err, a.Printf("%s %s, %s.\n", word, term.Bytes(g.Bytes), count(len(g.Removed), "thing")))
}
