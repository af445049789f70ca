package fediverse

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/html"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const commentsShown = 50

type commentsOptions struct {
	video    string
	held     bool
	limit    line.Limit
	noHeader bool
}

func newComments(a *app.App) *cobra.Command {
	var o commentsOptions
	c := &cobra.Command{
		Use: "comments", Short: "List comments, approve, hide and remove them",
		Long: `Lists comments, the latest first. A comment in the state held waits until you approve it, as
the setting comments, or what you said of its video, wants it.`,
		Example: "  tubelet comments --held\n  tubelet comments approve 3",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			return o.list(c.Context(), a)
		},
	}
	o.flags(c)
	line.Exits(c, exit.NotFound)
	ls := &cobra.Command{
		Use: "ls", Short: "List comments", Long: "Lists comments, as tubelet comments does.", Example: "  tubelet comments ls --json",
		Args: line.Words(), RunE: func(c *cobra.Command, _ []string) error { return o.list(c.Context(), a) },
	}
	o.flags(ls)
	line.Exits(ls, exit.NotFound)
	c.AddCommand(ls,
		newCommentState(a, "approve", social.Shown, "Show a comment that waits", "Shows a comment that waits for you."),
		newCommentState(a, "hide", social.Hidden, "Hide a comment", "Hides a comment, and with it the answers to it. Its author is not told."),
		newCommentState(a, "show", social.Shown, "Show a hidden comment", "Shows a hidden comment again."),
		newCommentRemove(a))
	return c
}

func (o *commentsOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.video, "video", "", "those under the video `ID`")
	f.BoolVar(&o.held, "held", false, "those that wait for you")
	line.LimitFlag(c, &o.limit, commentsShown, "at most")
	f.BoolVar(&o.noHeader, "no-header", false, "without the line of column titles")
}

func (o commentsOptions) list(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if o.video != "" {
		v, err := s.Video(ctx, o.video)
		if err != nil {
			return err
		}
		o.video = v.ID
	}
	var list []social.Comment
	if o.held {
		list, err = s.Store.Social().Held(ctx)
	} else {
		list, err = s.Store.Social().Comments(ctx, o.video, 0, o.limit.Most())
	}
	if err != nil {
		return err
	}
	shapes := []wire.Comment{}
	none := "There are no comments."
	if o.held {
		none = "No comment waits for you."
	}
	table := term.Table{NoHeader: o.noHeader, None: none, Columns: []term.Column{
		{Title: "COMMENT", Right: true}, {Title: "VIDEO"}, {Title: "WHO"}, {Title: "STATE"}, {Title: "WHEN"}, {Title: "TEXT", Cut: true},
	}}
	if o.video != "" {
		list = slices.DeleteFunc(list, func(c social.Comment) bool { return c.Video != o.video })
	}
	for _, c := range list[:min(len(list), o.limit.Most())] {
		shapes = append(shapes, wire.NewComment(c, plain(c.HTML)))
		table.Rows = append(table.Rows, []string{strconv.FormatInt(c.ID, 10), c.Video, c.Acct, string(c.State), term.Time(c.PublishedAt), plain(c.HTML)})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}

// plain returns the words of HTML, on one line.
func plain(text string) string {
	var b strings.Builder
	for tokens := html.NewTokenizer(strings.NewReader(text)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			b.Write(tokens.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			if name, _ := tokens.TagName(); slices.Contains([]string{"p", "br", "li", "div", "pre", "blockquote", "hr"}, string(name)) {
				b.WriteByte(' ')
			}
		}
	}
}

// number reads the number of a comment.
func number(word string) (int64, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 1 {
		return 0, exit.Usagef("%q is no number of a comment; tubelet comments shows them", word)
	}
	return n, nil
}

func missing(word string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return exit.Hint(store.Errorf(store.ErrNotFound, "there is no comment %s", word), "To see them: tubelet comments")
	}
	return err
}

func newCommentState(a *app.App, word string, state social.State, short, long string) *cobra.Command {
	c := &cobra.Command{
		Use: word + " COMMENT", Short: short, Long: long, Example: "  tubelet comments " + word + " 3", Args: line.Words("the number of a comment"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return with(c.Context(), a, func(s *app.Session, f *fed.Fed) error {
				set := func() error { return s.Store.Social().SetCommentState(c.Context(), n, state) }
				if word == "approve" { // its author is told
					set = func() error { return f.ApproveComment(c.Context(), n) }
				}
				if err := set(); err != nil {
					return missing(args[0], err)
				}
				comment, err := s.Store.Social().Comment(c.Context(), n)
				if err != nil {
					return err
				}
				return a.Answer(wire.NewComment(comment, plain(comment.HTML)), func() error { return a.Printf("%d is %s\n", n, state) })
			})
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newCommentRemove(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "rm COMMENT", Short: "Remove a comment for good",
		Long:    "Removes a comment with the answers to it. One of your own is taken back elsewhere too.",
		Example: "  tubelet comments rm 3", Args: line.Words("the number of a comment"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return with(c.Context(), a, func(s *app.Session, f *fed.Fed) error {
				comment, err := s.Store.Social().Comment(c.Context(), n)
				if err != nil {
					return missing(args[0], err)
				}
				if comment.Actor == 0 && comment.URI != "" {
					err = f.DeleteReply(c.Context(), n)
				} else {
					err = s.Store.Social().RemoveComment(c.Context(), n)
				}
				if err != nil {
					return err
				}
				return a.Answer(wire.Done{Target: args[0], Done: "removed"}, func() error { return a.Printf("%d is removed\n", n) })
			})
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

func newReply(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "reply COMMENT|ID TEXT", Short: "Answer a comment, or write one under a video",
		Long: `Answers a comment, named by its number, or writes one under the video with that ID. The text
is Markdown. Followers hear of it, and so does whoever is answered.`,
		Example: "  tubelet reply 3 \"Thank you!\"\n  tubelet reply k3v9x2m1qa \"Part two comes on Friday.\"",
		Args:    line.Words("a comment or a video", "the TEXT"),
		RunE: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(args[1]) == "" {
				return exit.Usagef("there is nothing in the text")
			}
			return with(c.Context(), a, func(s *app.Session, f *fed.Fed) error {
				video, parent, err := answered(c.Context(), s, args[0])
				if err != nil {
					return err
				}
				reply, err := f.Reply(c.Context(), video, parent, args[1])
				if err != nil {
					return err
				}
				return a.Answer(wire.NewComment(reply, plain(reply.HTML)), func() error { return a.Printf("%d: %s\n", reply.ID, reply.URL) })
			})
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}

// answered returns what is answered: a comment by number, or a video by id. Ids of videos are
// longer than any number of a comment will be.
func answered(ctx context.Context, s *app.Session, word string) (video string, parent int64, err error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || len(word) == len("k3v9x2m1qa") {
		v, err := s.Video(ctx, word)
		return v.ID, 0, err
	}
	comment, err := s.Store.Social().Comment(ctx, n)
	return comment.Video, n, missing(word, err)
}
