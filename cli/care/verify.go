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
	"github.com/tubelet/tubelet/server/mend"
	"github.com/tubelet/tubelet/server/vault"
)

func newVerify(a *app.App) *cobra.Command {
	var quick bool
	c := &cobra.Command{
		Use:   "verify [ID...]",
		Short: "Read everything and tell what has rotted",
		Long: `Reads every file of the channel, or of some videos, and holds renditions against the pieces of
their torrents, originals, pictures and captions against their checksums, playlists against their
renditions, and checks the database. It changes nothing, and takes disk and processor only when
nobody else wants them. With --quick it only looks whether the files are there.`,
		Example:           "  tubelet verify",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.CompleteVideos,
		RunE: func(c *cobra.Command, args []string) error {
			return runVerify(c.Context(), a, args, quick)
		},
	}
	c.Flags().BoolVar(&quick, "quick", false, "do not read the files")
	line.Exits(c, exit.NotFound)
	return c
}

// found looks at the channel, with progress.
func found(ctx context.Context, a *app.App, s *app.Session, ids []string, quick bool) (mend.Found, error) {
	only := make([]string, len(ids))
	for i, id := range ids {
		v, err := s.Video(ctx, id)
		if err != nil {
			return mend.Found{}, err
		}
		only[i] = v.ID
	}
	show, clear := shows(a)
	defer clear()
	return mend.Verify(ctx, mend.Config{Data: s.Data, Store: s.Store, Only: only, Quick: quick,
		Report: func(stage string, percent float64) { show(vault.Progress{Stage: stage, Percent: percent}) }})
}

func runVerify(ctx context.Context, a *app.App, ids []string, quick bool) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := found(ctx, a, s, ids, quick)
	if err != nil {
		return err
	}
	out := wire.Verified{Schema: wire.Schema, Files: f.Files, Bytes: f.Bytes, Problems: []wire.Problem{}, Seconds: f.Took.Seconds()}
	for _, p := range f.Findings {
		out.Problems = append(out.Problems, wire.Problem{Path: p.File.Path, Reason: p.Err.Error()})
	}
	err = a.Answer(out, func() error {
		if len(out.Problems) > 0 {
			return tell(a, out.Problems)
		}
		return a.Printf("All is well: %s looked at, %s read.\n", count(f.Files, "file"), term.Bytes(f.Bytes))
	})
	if err == nil && len(out.Problems) > 0 {
		err = exit.Hint(errors.New(count(len(out.Problems), "file")+" not as they should be"),
			"tubelet repair brings back what can be; with a backup: tubelet repair --from DIR")
	}
	return err
}
