package video

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/follow"
	"github.com/tubelet/tubelet/cli/line"
)

type replaceOptions struct {
	yes, noWait bool
	threads     threads
}

func newReplace(a *app.App) *cobra.Command {
	var o replaceOptions
	c := &cobra.Command{
		Use:   "replace ID FILE|-",
		Short: "Give a video a new file under the same address",
		Long: `Gives a video a new file; address, title and all else stay. The old file is shown until the
new one is watchable, and removed once nobody can still be watching it: so it asks for the
id, and where it cannot ask it refuses without --yes.`,
		Example: "  tubelet replace k3v9x2m1qa better.mp4 --yes",
		Args:    line.Words("the ID of a video", "a FILE"),
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault // files
			}
			return a.CompleteVideos(c, args, word)
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), a, args[0], args[1]) },
	}
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&o.noWait, "no-wait", false, "return once the file is stored; the server does the rest")
	o.threads.flag(c)
	line.Exits(c, exit.NotFound, exit.Conflict, exit.Refused)
	return c
}

func (o replaceOptions) run(ctx context.Context, a *app.App, video, file string) error {
	path, stdin, err := a.Source(file)
	if err != nil {
		return err
	}
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.Video(ctx, video)
	if err != nil {
		return err
	}
	if err := a.Confirm(ctx, o.yes, "Replaces the file of %s and removes the old one.", v); err != nil {
		return err
	}
	w, err := o.threads.worker(ctx, s)
	if err != nil {
		return err
	}
	r := follow.New(a.Term, s.Site, a.JSON)
	defer r.Clear()
	v, rev, err := w.Replace(ctx, v.ID, path, stdin, r.Report)
	if err != nil {
		return refused(file, err)
	}
	o.threads.note(a, w, o.noWait)
	return r.Follow(ctx, w, v, rev, o.noWait)
}
