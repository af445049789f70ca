package fediverse

import (
	"context"
	"errors"
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
	"github.com/tubelet/tubelet/store"
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
	note, yes := "", false
	c := &cobra.Command{
		Use: word + " @USER@HOST|HOST", Short: short, Long: long,
		Example: "  tubelet " + word + " @troll@social.example\n  tubelet " + word + " spam.example --note \"advertising\"",
		Args:    line.Words("whom"),
		RunE: func(c *cobra.Command, args []string) error {
			target, err := targetOf(args[0])
			if err != nil {
				return err
			}
			return with(c.Context(), a, func(s *app.Session, f *fed.Fed) error {
				if err := mayBlock(c.Context(), a, target, s.Site.Channel, yes); err != nil {
					return err
				}
				block := social.Block{Target: target, Mute: mute, Note: note, At: time.Now()}
				if err := f.Block(c.Context(), block); err != nil {
					return err
				}
				return a.Answer(wire.NewBlock(block), func() error { return a.Printf("%s: %s\n", term.Clean(target), done) })
			})
		},
	}
	c.Flags().StringVar(&note, "note", "", "why: `TEXT` for yourself")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask about a whole domain such as com")
	line.Exits(c, exit.NotFound)
	return c
}

// mayBlock asks before what means far more than one server, and refuses the channel itself.
func mayBlock(ctx context.Context, a *app.App, target string, own store.Channel, yes bool) error {
	if err := refuseOwn(target, own); err != nil || yes || !wide(target) {
		return err
	}
	what := "%s is not one server, but all whose names end in .%[1]s."
	if !strings.Contains(target, ".") {
		what = "%s is no whole name: what is known of all servers below it goes, but who comes later is heard."
	}
	return a.Term.Confirm(ctx, fmt.Sprintf(what, target), target)
}

func newUnblock(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "unblock @USER@HOST|HOST", Short: "Take a block or mute back",
		Long:    "Takes a block or mute back. What was removed does not come back by itself.",
		Example: "  tubelet unblock spam.example", Args: line.Words("whom"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.Open(c.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			target, err := unblock(c.Context(), s.Store.Social(), args[0])
			if err != nil {
				return err
			}
			return a.Answer(wire.Done{Target: target, Done: "unblocked"}, func() error { return a.Printf("%s: heard again\n", term.Clean(target)) })
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

// unblock takes back what is in the list as the word says it, or as it would be put there now.
func unblock(ctx context.Context, db *social.Store, word string) (string, error) {
	words := []string{word, strings.ToLower(word)}
	if target, err := targetOf(word); err == nil {
		words = append(words, target)
	}
	for _, target := range words {
		if err := db.Unblock(ctx, target); !errors.Is(err, store.ErrNotFound) {
			return target, err
		}
	}
	return "", exit.Hint(store.Errorf(store.ErrNotFound, "%s is not blocked", word), "To see who is: tubelet blocks")
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
	line.Exits(c, exit.NotFound)
	in := &cobra.Command{
		Use: "import FILE|-", Short: "Block whom a list of Mastodon's names",
		Long: `Blocks whom a list names, in the form in which Mastodon exports them: domain blocks of a
server or of a person, blocked accounts, muted accounts. A list with a line that names nobody is
refused as a whole, with the line.`,
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
	line.Exits(out, exit.NotFound)
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
	table := term.Table{None: "Nobody is blocked or muted.", Columns: []term.Column{{Title: "WHO"}, {Title: "HOW"}, {Title: "SINCE"}, {Title: "NOTE", Cut: true}}}
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
	return with(ctx, a, func(s *app.Session, f *fed.Fed) error {
		for _, b := range list {
			if err := refuseOwn(b.Target, s.Site.Channel); err != nil {
				return fmt.Errorf("%w: take it out of the list", err)
			}
		}
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
