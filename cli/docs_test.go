package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/term"
)

var update = flag.Bool("update", false, "write docs/cli.md")

// TestReference keeps docs/cli.md what the commands say about themselves.
func TestReference(t *testing.T) {
	var got bytes.Buffer
	got.WriteString("# Command reference\n\nMade from the program by `go test ./cli -run Reference -update`; do not edit.\n")
	reference(&got, newRoot(&app.App{Term: &term.Terminal{}}))
	golden := filepath.Join("..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("docs/cli.md is old; run go test ./cli -run Reference -update\n%s", diff)
	}
}

func reference(b *bytes.Buffer, c *cobra.Command) {
	c.InitDefaultHelpFlag()
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", c.CommandPath(), strings.ReplaceAll(c.Long, "\n  ", "\n    "))
	use := c.UseLine()
	if c.HasAvailableSubCommands() && c.Use == c.Name() {
		use = c.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(b, "```\n%s\n```\n", use)
	if flags := options(c.LocalNonPersistentFlags()); flags != "" {
		fmt.Fprintf(b, "\n```\n%s```\n", flags)
	}
	if !c.HasParent() {
		fmt.Fprintf(b, "\nOptions of every command:\n\n```\n%s```\n", options(c.PersistentFlags()))
	}
	fmt.Fprintf(b, "\nExamples:\n\n```sh\n%s\n```\n\nExit codes:\n\n```%s\n```\n", unindent("\n" + c.Example)[1:], unindent(c.Annotations["exits"]))
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			reference(b, child)
		}
	}
}

// options lists flags without the one for help, which says nothing.
func options(flags *pflag.FlagSet) string {
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			shown.AddFlag(f)
		}
	})
	return shown.FlagUsages()
}

func unindent(text string) string { return strings.ReplaceAll(text, "\n  ", "\n") }

// TestHelp asks of each command what the reader of its help needs.
func TestHelp(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		t.Run(c.CommandPath(), func(t *testing.T) {
			name, _, _ := strings.Cut(strings.TrimPrefix(c.CommandPath(), "tubelet "), " ")
			if !strings.Contains(c.Example, name) {
				t.Errorf("example %q does not show it", c.Example)
			}
			if c.Long == "" || c.Short == "" || c.Annotations["exits"] == "" {
				t.Error("no explanation, or no exit codes")
			}
			if c.RunE == nil || c.Args == nil && c.Name() != "help" {
				t.Error("wrong arguments would not be told")
			}
			for line := range strings.Lines(c.Long + "\n" + c.Example) {
				if len(line) > 100 {
					t.Errorf("too long for a terminal: %q", line)
				}
			}
		})
		for _, child := range c.Commands() {
			check(child)
		}
	}
	check(newRoot(&app.App{Term: &term.Terminal{}}))
}
