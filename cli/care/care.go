// Package care holds the commands that keep a channel from being lost: backup, restore,
// export, and looking after what lies on the disk. Each makes one call into server/vault,
// server/mend or server/export.
package care

import (
	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/vault"
)

// Commands returns the commands of this package.
func Commands(a *app.App) []*cobra.Command {
	return []*cobra.Command{newBackup(a), newRestore(a), newExport(a), newVerify(a), newRepair(a), newGC(a)}
}

// shows returns what shows progress, and what takes it away.
func shows(a *app.App) (show func(vault.Progress), clear func()) {
	if a.JSON {
		return func(vault.Progress) {}, func() {}
	}
	p := a.Term.NewProgress()
	return func(s vault.Progress) { p.Show(term.Step{Stage: s.Stage, Percent: s.Percent}) }, p.Clear
}

func problems(list []vault.Problem) []wire.Problem {
	out := []wire.Problem{}
	for _, p := range list {
		out = append(out, wire.Problem{Path: p.Path, Reason: p.Err.Error()})
	}
	return out
}

// shownProblems is how many are told to people; --json has them all.
const shownProblems = 20

func tell(a *app.App, list []wire.Problem) error {
	for i, p := range list {
		if i == shownProblems {
			return a.Printf("  and %d more (--json has them all)\n", len(list)-i)
		}
		if err := a.Printf("  %s: %s\n", term.Clean(p.Path), term.Clean(p.Reason)); err != nil {
			return err
		}
	}
	return nil
}
