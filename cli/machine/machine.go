// Package machine has the commands about the machine that the channel lives on: how it is
// (doctor), setting the server up and taking it away (install, uninstall), and telling the
// creator when something happens (notify).
package machine

import (
	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
)

// Commands returns them.
func Commands(a *app.App) []*cobra.Command {
	return []*cobra.Command{newDoctor(a), newInstall(a), newUninstall(a), newNotify(a)}
}
