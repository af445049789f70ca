package fediverse

import (
	"context"
	"errors"
	"strconv"
	"strings"

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

const deedsShown = 50

type deedOptions struct {
	kind     string
	undo     bool
	limit    line.Limit
	noHeader bool
}

func newLike(a *app.App) *cobra.Command {
	return newDeed(a, fed.Like, "Like a comment, or a note or video elsewhere",
		`Likes a comment, named by its number, or a note or video on another server, named by its
address. Its author's server is told. With --undo the like is taken back. Without a COMMENT or
URL it lists what you like, the latest first.`)
}

func newBoost(a *app.App) *cobra.Command {
	return newDeed(a, fed.Boost, "Boost a comment, or a note or video elsewhere",
		`Shows your followers a comment, named by its number, or a note or video on another server,
named by its address. Its author's server is told too. With --undo the boost is taken back.
Without a COMMENT or URL it lists what you boosted, the latest first.`)
}

func newDeed(a *app.App, kind, short, long string) *cobra.Command {
	o := deedOptions{kind: kind}
	c := &cobra.Command{
		Use: kind + " [COMMENT|URL]", Short: short, Long: long,
		Example: "  tubelet " + kind + " 2\n  tubelet " + kind + " https://social.example/@ada/1\n  tubelet " + kind + " 2 --undo",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && !o.undo {
				return o.list(c.Context(), a)
			}
			if err := line.Words("a comment or an address")(c, args); err != nil {
				return &exit.UsageError{Err: err}
			}
			return o.do(c.Context(), a, args[0])
		},
	}
	f := c.Flags()
	f.BoolVar(&o.undo, "undo", false, "take it back")
	line.LimitFlag(c, &o.limit, deedsShown, "list at most")
	f.BoolVar(&o.noHeader, "no-header", false, "without the line of column titles")
	line.Exits(c, exit.NotFound, exit.Conflict, exit.Remote)
	return c
}

func (o deedOptions) do(ctx context.Context, a *app.App, word string) error {
	n, address := int64(0), ""
	if strings.Contains(word, "://") {
		address = word
	} else {
		var err error
		if n, err = number(word); err != nil {
			return exit.Usagef("%q is neither the number of a comment nor an address; tubelet comments shows numbers", word)
		}
	}
	return with(ctx, a, func(_ *app.Session, f *fed.Fed) error {
		deed, err := o.call(ctx, f, n, address)
		if errors.Is(err, fed.ErrElsewhere) {
			return &exit.RemoteError{Err: err}
		}
		if n != 0 && errors.Is(err, store.ErrNotFound) {
			return exit.Hint(err, "To see comments: tubelet comments\nTo see yours: tubelet %s", o.kind)
		}
		if err != nil {
			return err
		}
		done := map[bool]string{false: "You " + o.kind, true: "No " + o.kind + " any more:"}[o.undo]
		return a.Answer(wire.NewDeed(deed, o.undo), func() error {
			return a.Printf("%s %s by %s\n", done, term.Clean(deed.URL), term.Clean(deed.Acct))
		})
	})
}

func (o deedOptions) call(ctx context.Context, f *fed.Fed, n int64, address string) (social.Deed, error) {
	switch {
	case o.undo:
		return f.TakeBack(ctx, o.kind, n, address)
	case n != 0:
		return f.DoTo(ctx, o.kind, n)
	}
	return f.DoAt(ctx, o.kind, address)
}

func (o deedOptions) list(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Store.Social().Deeds(ctx, o.kind, o.limit.Most())
	if err != nil {
		return err
	}
	shapes := []wire.Deed{}
	table := term.Table{NoHeader: o.noHeader, None: "There is no " + o.kind + " of yours.", Columns: []term.Column{{Title: "COMMENT", Right: true}, {Title: "WHEN"}, {Title: "WHO", Cut: true}, {Title: "WHAT"}}}
	for _, d := range list {
		comment := ""
		if d.Comment != 0 {
			comment = strconv.FormatInt(d.Comment, 10)
		}
		shapes = append(shapes, wire.NewDeed(d, false))
		table.Rows = append(table.Rows, []string{comment, term.Time(d.At), d.Acct, d.URL})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}
