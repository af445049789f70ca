package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/term"
)

// HelpLines returns the examples of all commands, one a line.
func HelpLines() []string {
	var list []string
	var collect func(c *cobra.Command)
	collect = func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			list = append(list, strings.TrimSpace(line))
		}
		for _, child := range c.Commands() {
			collect(child)
		}
	}
	collect(newRoot(&app.App{Term: &term.Terminal{}}))
	return list
}
