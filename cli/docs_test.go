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

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/store"
)

var update = flag.Bool("update", false, "write docs/cli.md and docs/settings.md")

// TestReference keeps docs/cli.md what the commands say about themselves.
func TestReference(t *testing.T) {
	var got bytes.Buffer
	got.WriteString("# Command reference\n\nMade from the program by `go test ./cli -run Reference -update`; do not edit.\n")
	reference(&got, newRoot(&app.App{Term: &term.Terminal{}}))
	golden(t, "cli.md", got.String())
}

// golden compares a page of docs with what the program says, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("..", "docs", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/%s is old; run go test ./cli -run Reference -update\n%s", name, diff)
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
	if flags := options(c); flags != "" {
		fmt.Fprintf(b, "\n```\n%s```\n", flags)
	}
	if !c.HasParent() {
		fmt.Fprintf(b, "\nOptions of every command:\n\n```\n%s```\n", c.PersistentFlags().FlagUsages())
	}
	fmt.Fprintf(b, "\nExamples:\n\n```sh\n%s\n```\n\nExit codes:\n\n```%s\n```\n", unindent("\n" + c.Example)[1:], unindent(c.Annotations["exits"]))
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			reference(b, child)
		}
	}
}

// options lists the options of c without the one for help, which says nothing.
func options(c *cobra.Command) string {
	c.InitDefaultHelpFlag()
	c.Flags().Lookup("help").Hidden = true
	return c.LocalNonPersistentFlags().FlagUsages()
}

// TestSettingsReference keeps docs/settings.md what the program says about its settings.
func TestSettingsReference(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	settings, err := s.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.NewBufferString(settingsIntroduction)
	code := func(text string) string {
		if text == "" {
			return ""
		}
		return "`" + text + "`"
	}
	for _, set := range settings {
		var values []string
		for _, choice := range set.Choices {
			values = append(values, code(choice))
		}
		fmt.Fprintf(got, "| `%s` | %s | %s | %s |\n", set.Key, code(set.Default), strings.Join(values, ", "), set.Doc)
	}
	golden(t, "settings.md", got.String())
}

const settingsIntroduction = `# Settings

Made from the program by ` + "`go test ./cli -run Reference -update`" + `; do not edit.

Settings belong to a channel and stand in its database. A running server takes over most changes within a second. What its
listeners and the router are told holds from its next start: ` + "`sudo systemctl restart tubelet`" + `.

` + "```sh" + `
tubelet config                        # all of them, with what holds now
tubelet config set upload.rate 20Mbit
tubelet config get upload.rate
tubelet config unset upload.rate      # its default again
` + "```" + `

| setting | default | values | meaning |
|---|---|---|---|
`

// TestSettingsWrap lists a setting on terminals of several widths: nothing that is said of it is cut.
func TestSettingsWrap(t *testing.T) {
	set := store.Setting{Key: "seed.port", Value: "auto", Doc: "UDP port for WebRTC and STUN, to be forwarded in the router; auto is 8443"}
	long := set
	long.Value = "/usr/local/bin/update-dns --name video.example"
	for _, width := range []int{20, 40, 80, 132} {
		for _, s := range []store.Setting{set, long} {
			text := layoutSetting(s, width)
			if got, want := strings.Join(strings.Fields(text), " "), s.Key+" "+s.Value+" "+s.Doc; got != want {
				t.Errorf("%d columns: %q", width, got)
			}
			for i, line := range strings.Split(text, "\n") {
				if len(line) > max(width, keyColumn+valueColumn) && (i > 0 || s.Value == set.Value) {
					t.Errorf("%d columns: %q", width, line)
				}
			}
		}
	}
	if text := layoutSetting(set, 0); strings.Contains(text, "\n") || !strings.HasSuffix(text, set.Doc) {
		t.Errorf("off a terminal: %q", text)
	}
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
