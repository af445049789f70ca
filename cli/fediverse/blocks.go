package fediverse

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/store/social"
)

func newBlock(a *app.App, mute bool) *cobra.Command {
	word, done, short := "block", "blocked", "Hear nothing more of a person or a server"
	long := `Hears nothing more of a person or of a whole server with all its subdomains: what they wrote,
liked and followed here goes, and nothing is sent to them.`
	if mute {
		word, done, short = "mute", "muted", "Hide what a person or a server says"
		long = `Hides what a person or a whole server says. They go on following, and are not told.`
	}
	note := ""
	c := &cobra.Command{
		Use: word + " @USER@HOST|HOST", Short: short, Long: long,
		Example: "  tubelet " + word + " @troll@social.example\n  tubelet " + word + " spam.example --note \"advertising\"",
		Args:    line.Words("whom"),
		RunE: func(c *cobra.Command, args []string) error {
			target, err := targetOf(args[0])
			if err != nil {
				return err
			}
			return with(c.Context(), a, func(_ *app.Session, f *fed.Fed) error {
				block := social.Block{Target: target, Mute: mute, Note: note, At: time.Now()}
				if err := f.Block(c.Context(), block); err != nil {
					return err
				}
				return a.Answer(wire.NewBlock(block), func() error { return a.Printf("%s: %s\n", term.Clean(target), done) })
			})
		},
	}
	c.Flags().StringVar(&note, "note", "", "why: `TEXT` for yourself")
	line.Exits(c)
	return c
}

// targetOf checks whom a word means: a host, or a handle.
func targetOf(word string) (string, error) {
	user, host, isHandle := strings.Cut(strings.TrimPrefix(word, "@"), "@")
	if !isHandle {
		user, host = "", strings.TrimPrefix(word, "@")
	}
	if host == "" || isHandle && user == "" || strings.ContainsAny(word, " /\\?#,") || len(word) > 320 || strings.HasPrefix(word, "@") && !isHandle {
		return "", exit.Usagef("%q is neither a person such as @ada@social.example nor a host such as social.example", word)
	}
	if isHandle {
		return "@" + user + "@" + strings.ToLower(host), nil
	}
	return strings.ToLower(host), nil
}

func newUnblock(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "unblock @USER@HOST|HOST", Short: "Take a block or mute back",
		Long:    "Takes a block or mute back. What was removed does not come back by itself.",
		Example: "  tubelet unblock spam.example", Args: line.Words("whom"),
		RunE: func(c *cobra.Command, args []string) error {
			target, err := targetOf(args[0])
			if err != nil {
				return err
			}
			s, err := a.Open(c.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			if err := s.Store.Social().Unblock(c.Context(), target); err != nil {
				return err
			}
			return a.Answer(wire.Done{Target: target, Done: "unblocked"}, func() error { return a.Printf("%s: heard again\n", term.Clean(target)) })
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newBlocks(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "blocks", Short: "List blocks and mutes, import and export them",
		Long:    "Lists whom the channel does not hear.",
		Example: "  tubelet blocks", Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return listBlocks(c.Context(), a)
		},
	}
	line.Exits(c)
	in := &cobra.Command{
		Use: "import FILE|-", Short: "Block whom a list of Mastodon's names",
		Long: `Blocks whom a list names, in the form in which Mastodon exports them: domain blocks of a
server or of a person, blocked accounts, muted accounts.`,
		Example: "  tubelet blocks import domains.csv", Args: line.Words("a FILE, or - for standard input"),
		RunE: func(c *cobra.Command, args []string) error { return importBlocks(c.Context(), a, args[0]) },
	}
	line.Exits(in, exit.NotFound)
	out := &cobra.Command{
		Use: "export", Short: "Write the blocked servers as a list for Mastodon",
		Long:    "Writes the servers that are blocked or muted as the CSV that Mastodon imports as domain blocks.",
		Example: "  tubelet blocks export", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return exportBlocks(c.Context(), a) },
	}
	line.Exits(out)
	c.AddCommand(in, out)
	return c
}

func listBlocks(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Store.Social().Blocks(ctx)
	if err != nil {
		return err
	}
	shapes := []wire.Block{}
	table := term.Table{Columns: []term.Column{{Title: "WHO", Cut: true}, {Title: "HOW"}, {Title: "SINCE"}, {Title: "NOTE", Cut: true}}}
	for _, b := range list {
		shape := wire.NewBlock(b)
		shapes = append(shapes, shape)
		table.Rows = append(table.Rows, []string{b.Target, shape.Kind, term.Time(b.At), b.Note})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}

func importBlocks(ctx context.Context, a *app.App, name string) error {
	path, in, err := a.Source(name)
	if err != nil {
		return err
	}
	if in == nil {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	list, err := readBlocks(in, time.Now())
	if err != nil {
		return err
	}
	return with(ctx, a, func(_ *app.Session, f *fed.Fed) error {
		for _, b := range list {
			if err := f.Block(ctx, b); err != nil {
				return fmt.Errorf("block %s: %w", b.Target, err)
			}
		}
		return a.Answer(wire.Imported{Blocks: len(list)}, func() error { return a.Printf("%d imported\n", len(list)) })
	})
}

func exportBlocks(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Store.Social().Blocks(ctx)
	if err != nil {
		return err
	}
	return writeBlocks(a.Term.Out, list)
}
