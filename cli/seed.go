package cli

import (
	"context"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/seed/peer"
)

const seedCommand = "seed-process"

// newSeed is the command that serve starts for itself: see package peer.
func newSeed(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   seedCommand,
		Short: "Share videos over BitTorrent for serve, which starts this itself",
		Long: `Shares videos over BitTorrent and WebRTC. Serve starts it as a process of its own when somebody
asks for a video, and talks to it over its input and output; there is no use for it elsewhere.`,
		Example: "  tubelet " + seedCommand,
		Hidden:  true,
		Args:    line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			conn, err := peer.Inherited()
			if err != nil {
				return err
			}
			return peer.Child(c.Context(), a.Term.In, a.Term.Out, conn)
		},
	}
	line.Exits(c)
	return c
}

// seedProcess makes the process that newSeed is the command of: this very program, even
// when an upgrade has replaced its file.
func seedProcess(ctx context.Context) *exec.Cmd {
	program := "/proc/self/exe"
	if _, err := os.Stat(program); err != nil {
		program = os.Args[0]
	}
	return exec.CommandContext(ctx, program, seedCommand)
}
