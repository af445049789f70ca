package video

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/store"
)

type lsOptions struct {
	tag, query, sort string
	limit            line.Limit
	noHeader         bool
}

func newLs(a *app.App) *cobra.Command {
	var o lsOptions
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the videos",
		Long:  "Lists the videos, drafts and scheduled ones too, the newest first.",
		Example: `  tubelet ls
  tubelet ls --sort views --limit 10
  tubelet ls --query dovetail --json`,
		Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.StringVar(&o.tag, "tag", "", "only those with this `TAG`")
	f.StringVar(&o.query, "query", "", "only those with these `WORDS` in title, description or tags")
	f.StringVar(&o.sort, "sort", "created", "by `KEY`: "+strings.Join(sortKeys(), ", "))
	line.LimitFlag(c, &o.limit, 0, "at most")
	f.BoolVar(&o.noHeader, "no-header", false, "without the line of column titles")
	line.Completes(c, "sort", sortKeys)
	line.Exits(c, exit.NotFound)
	return c
}

func (o lsOptions) run(ctx context.Context, a *app.App) error {
	order := orders()[o.sort]
	if order == nil {
		return exit.Usagef("--sort %s: use %s", o.sort, strings.Join(sortKeys(), ", "))
	}
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	videos, _, err := s.Store.Videos(ctx, store.List{Audience: store.Everyone, Tag: o.tag, Query: o.query, Sort: "created"})
	if err != nil {
		return err
	}
	slices.SortStableFunc(videos, order)
	videos = videos[:min(o.limit.Most(), len(videos))]
	shapes := []wire.Video{}
	for _, v := range videos {
		shapes = append(shapes, s.Site.Video(v))
	}
	return a.Answer(shapes, func() error { return listVideos(a, videos, o) })
}

func sortKeys() []string { return []string{"created", "published", "title", "views", "duration"} }

// orders compares two videos for each sort key: words from A, everything else from the top.
func orders() map[string]func(v, w store.Video) int {
	return map[string]func(v, w store.Video) int{
		"created":   func(v, w store.Video) int { return w.CreatedAt.Compare(v.CreatedAt) },
		"published": func(v, w store.Video) int { return w.PublishedAt.Compare(v.PublishedAt) },
		"title":     func(v, w store.Video) int { return cmp.Compare(strings.ToLower(v.Title), strings.ToLower(w.Title)) },
		"views":     func(v, w store.Video) int { return cmp.Compare(w.Views, v.Views) },
		"duration":  func(v, w store.Video) int { return cmp.Compare(w.Media.Duration, v.Media.Duration) },
	}
}

func listVideos(a *app.App, videos []store.Video, o lsOptions) error {
	none := "There are no videos."
	if o.tag != "" || o.query != "" {
		none = "No video matches."
	}
	table := term.Table{NoHeader: o.noHeader, None: none, Columns: []term.Column{
		{Title: "ID"}, {Title: "TITLE", Cut: true}, {Title: "STATE"}, {Title: "LENGTH", Right: true},
		{Title: "VIEWS", Right: true}, {Title: "SHOWN"},
	}}
	for _, v := range videos {
		table.Rows = append(table.Rows, []string{
			v.ID, v.Title, string(v.Media.State), term.Duration(v.Media.Duration), fmt.Sprint(v.Views), shown(v),
		})
	}
	return a.Term.Write(table)
}

// shown says since when, or from when on, whom v is shown to.
func shown(v store.Video) string {
	switch {
	case v.Visibility == store.Draft:
		return "draft"
	case !v.PublishAt.IsZero() && v.PublishedAt.IsZero():
		return "from " + term.Time(v.PublishAt)
	case v.PublishedAt.IsZero():
		return "soon"
	case v.Visibility == store.Unlisted:
		return term.Time(v.PublishedAt) + ", unlisted"
	case !v.PinnedAt.IsZero():
		return term.Time(v.PublishedAt) + ", pinned"
	}
	return term.Time(v.PublishedAt)
}
