// Package video holds the commands about videos and the work on them, one file each: a
// constructor, its options and a run function that makes one call into server/work or store.
package video

import (
	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
)

// sharing returns what may be said of sharing a video.
func sharing() []string { return []string{"on", "ask", "off", "default"} }

// commenting returns what may be said of commenting on a video.
func commenting() []string { return []string{"open", "approve", "links", "closed", "default"} }

// Commands returns the commands of this package.
func Commands(a *app.App) []*cobra.Command {
	return []*cobra.Command{
		newPublish(a), newLs(a), newShow(a), newEdit(a), newPin(a), newReplace(a), newRm(a), newJobs(a),
	}
}
