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
	return &cobra.Command{
		Use:    seedCommand,
		Hidden: true,
		Args:   line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			conn, err := peer.Inherited()
			if err != nil {
				return err
			}
			return peer.Child(c.Context(), a.Term.In, a.Term.Out, conn)
		},
	}
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
