// Package cli obeys the creator: one file per command, each a constructor, its options
// and a run function that makes one call into the packages below. It has no logic of its
// own. The commands about the channel stand here, those about its videos in package video,
// those about the people of other servers in package fediverse, those about the machine in
// package machine; package app is what they share.
//
// Answers go to standard output, everything else to standard error. With --json an answer
// is one object or array, or one object a line for long work (package wire has the
// shapes, docs/json.md the words). Package exit turns errors into exit codes.
package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/care"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/fediverse"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/machine"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/video"
)

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app.App{Term: term.New(stdin, stdout, stderr, os.Getenv), Getenv: os.Getenv}
	root := newRoot(a)
	ran := false
	note(root, &ran)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exit.OK
	}
	if !ran {
		// What cobra finds wrong before a command runs is the command line.
		err = exit.Hint(&exit.UsageError{Err: err}, "See: %s --help", command.CommandPath())
	}
	return a.Fail(exit.Describe(err))
}

func newRoot(a *app.App) *cobra.Command {
	root := &cobra.Command{
		Use:   "tubelet",
		Short: "One person's video channel",
		Long: `Tubelet is one person's video channel: it stores videos, makes them playable in any
browser and serves the pages. Commands work whether the server runs or not.`,
		Example: `  tubelet init --local
  tubelet publish talk.mp4 --title "A talk"
  tubelet ls`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	line.Group(root)
	group, version := root.RunE, false
	root.Flags().BoolVar(&version, "version", false, "say what this program is made of, as tubelet version does")
	root.RunE = func(c *cobra.Command, args []string) error {
		if version && len(args) == 0 {
			return runVersion(c.Context(), a)
		}
		return group(c, args)
	}
	line.Exits(root, exit.Usage)
	root.SetIn(a.Term.In)
	root.SetOut(a.Term.Out)
	root.SetErr(a.Term.Err)
	root.SetUsageTemplate(line.Usage)
	root.SetFlagErrorFunc(line.BadFlag)
	root.PersistentFlags().StringVar(&a.Data, "data", "", "`DIR` of the channel's data (default $TUBELET_DATA, else "+app.DefaultData+")")
	root.PersistentFlags().BoolVar(&a.JSON, "json", false, "answer with JSON, as docs/json.md describes it")
	root.AddCommand(newInit(a), newServe(a), newChannel(a), newConfig(a), newVersion(a), newCompletion(a), newSeed(a),
		newSwarm(a), newMirrors(a), newMirror(a), newTLS(a), newHealth(a))
	root.AddCommand(video.Commands(a)...)
	root.AddCommand(care.Commands(a)...)
	root.AddCommand(fediverse.Commands(a)...)
	root.AddCommand(machine.Commands(a)...)
	root.SetHelpCommand(line.NewHelp(root))
	return root
}

// note makes every command say that its line was understood before it does anything.
func note(c *cobra.Command, ran *bool) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*ran = true
			return run(c, args)
		}
	}
	for _, child := range c.Commands() {
		note(child, ran)
	}
}
