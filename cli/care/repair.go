package care

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/mend"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/work"
)

type repairOptions struct {
	from                  string
	dryRun, quick, noWait bool
}

func newRepair(a *app.App) *cobra.Command {
	var o repairOptions
	c := &cobra.Command{
		Use:   "repair [ID...]",
		Short: "Bring back what is lost or rotten",
		Long: `Looks as verify does and brings back what it finds: from a backup, byte by byte, where --from
names one that has it; else it makes playlists, torrents and pictures anew, and encodes a rendition
again where the original or a higher rendition is left. What cannot be brought back it says, and
leaves as it is.`,
		Example:           "  tubelet repair --dry-run\n  tubelet repair --from /mnt/backup",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.CompleteVideos,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), a, args) },
	}
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "a backup, or the folder `DIR` of backups, to take files from")
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what would be done")
	f.BoolVar(&o.quick, "quick", false, "only what is missing or of a wrong size: do not read the files")
	f.BoolVar(&o.noWait, "no-wait", false, "leave the encoding to the server")
	line.Exits(c, exit.NotFound)
	return c
}

func (o repairOptions) run(ctx context.Context, a *app.App, ids []string) error {
	return a.WithWorker(ctx, func(s *app.Session, w *work.Worker) error {
		f, err := found(ctx, a, s, ids, o.quick)
		if err != nil {
			return err
		}
		list, err := mend.Repair(ctx, mend.Repairs{Config: mend.Config{Data: s.Data, Store: s.Store}, Worker: w, From: o.from, DryRun: o.dryRun}, f.Findings)
		if err != nil {
			return err
		}
		if !o.dryRun && !o.noWait {
			if err := await(ctx, a, w, list); err != nil {
				return err
			}
		}
		return o.say(a, list)
	})
}

// await does, or watches, the jobs of the repair.
func await(ctx context.Context, a *app.App, w *work.Worker, list []mend.Mended) error {
	show, clear := shows(a)
	defer clear()
	var seen []string
	for _, m := range list {
		id := m.File.Video
		if m.How != mend.Queued || slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		if err := w.Follow(ctx, id, 0, func(e work.Event) { show(vault.Progress{Stage: e.Stage, Percent: e.Percent}) }); err != nil {
			return fmt.Errorf("make %s anew: %w", id, err)
		}
	}
	return nil
}

func (o repairOptions) say(a *app.App, list []mend.Mended) error {
	out := wire.Repaired{Schema: wire.Schema, DryRun: o.dryRun, Files: []wire.Repair{}}
	lost := 0
	for _, m := range list {
		if m.How == mend.Lost || m.How == mend.Kept {
			lost++
		}
		out.Files = append(out.Files, wire.Repair{Path: m.File.Path, Reason: m.Err.Error(), How: m.How, Note: m.Note})
	}
	err := a.Answer(out, func() error { return o.words(a, out) })
	if err == nil && lost > 0 {
		err = errors.New(count(lost, "file") + " could not be brought back")
	}
	return err
}

func (o repairOptions) words(a *app.App, r wire.Repaired) error {
	if len(r.Files) == 0 {
		return a.Printf("All is well, there is nothing to repair.\n")
	}
	words := map[string]string{mend.FromBackup: "brought back from", mend.Made: "made anew", mend.Queued: "made anew", mend.Lost: "LOST", mend.Kept: "KEPT"}
	if o.dryRun {
		words = map[string]string{mend.FromBackup: "can be had from", mend.Made: "can be made", mend.Queued: "can be made", mend.Lost: "LOST", mend.Kept: "KEPT"}
	} else if o.noWait {
		words[mend.Queued] = "will be made by the server"
	}
	var err error
	for _, f := range r.Files {
		err = errors.Join(err, a.Printf("  %s: %s\n    %s: %s\n", term.Clean(f.Path), term.Clean(f.Reason), words[f.How], term.Clean(f.Note)))
	}
	return err
}
