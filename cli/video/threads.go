package video

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
)

// threads is the option that says how many processor cores one run of a command may use. It
// reaches no further than this process: what the server makes, it makes as the setting says.
type threads struct {
	n     int
	given func() bool
}

func (t *threads) flag(c *cobra.Command) {
	c.Flags().IntVar(&t.n, "threads", 0,
		"`N` processor cores for what this command makes itself, 0 for all (default the setting threads)")
	t.given = func() bool { return c.Flags().Changed("threads") }
}

// worker returns the worker of s, held to the option where it was given.
func (t *threads) worker(ctx context.Context, s *app.Session) (*work.Worker, error) {
	if !t.given() {
		return s.Worker(ctx)
	}
	if t.n < 0 || t.n > 1024 {
		return nil, exit.Usagef("--threads %d: it is a number from 0 to 1024", t.n)
	}
	return s.WorkerWith(ctx, func(m *media.Maker) { m.SetThreads(t.n) })
}

// note says that the option does not reach the rest of the work, where that is so.
func (t *threads) note(a *app.App, w *work.Worker, noWait bool) {
	if a.JSON || !t.given() || !noWait && !w.Elsewhere() {
		return
	}
	fmt.Fprintf(a.Term.Err, "The server makes the rest, with as many threads as the setting says: tubelet config set threads %d\n", t.n)
}
