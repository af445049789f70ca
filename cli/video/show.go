package video

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/store"
)

func newShow(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show all about one video",
		Long: `Shows all about one video: what is said about it, its addresses, files and open jobs. For
a draft or a scheduled video that includes the preview address, for you alone. Here as with
every command, the address of a video's page does as well as its ID.`,
		Example:           "  tubelet show k3v9x2m1qa",
		Args:              line.Words("the ID of a video"),
		ValidArgsFunction: a.CompleteVideos,
		RunE:              func(c *cobra.Command, args []string) error { return runShow(c.Context(), a, args[0]) },
	}
	line.Exits(c, exit.NotFound)
	return c
}

func runShow(ctx context.Context, a *app.App, video string) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.Video(ctx, video)
	if err != nil {
		return err
	}
	jobs, err := s.Store.Jobs(ctx, store.JobList{Video: v.ID})
	if err != nil {
		return err
	}
	return a.Answer(s.Site.Video(v), func() error { return showVideo(a, s, v, jobs) })
}

func showVideo(a *app.App, s *app.Session, v store.Video, jobs []store.Job) error {
	var b strings.Builder
	fmt.Fprintln(&b, a.Term.Paint(term.Bold, term.Clean(v.Title)))
	for _, line := range facts(s, v) {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s %s\n", a.Term.Paint(term.Dim, fmt.Sprintf("%-12s", line[0])), term.Clean(line[1]))
		}
	}
	for _, c := range v.Chapters {
		fmt.Fprintf(&b, "  %8s  %s\n", term.Duration(c.Start), term.Clean(c.Title))
	}
	if v.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", term.CleanLines(v.Description))
	}
	if len(v.Media.Renditions) > 0 {
		fmt.Fprintln(&b)
	}
	if err := a.Printf("%s", b.String()); err != nil {
		return err
	}
	if err := listRenditions(a, v.Media.Renditions); err != nil {
		return err
	}
	if open := unfinished(jobs); len(open) > 0 {
		if err := a.Printf("\n"); err != nil {
			return err
		}
		return listJobs(a, open, false)
	}
	return nil
}

// facts are the lines of show, each a word and what it says; those that say nothing are left out.
func facts(s *app.Session, v store.Video) [][2]string {
	var captions []string
	for _, c := range v.Captions {
		captions = append(captions, c.Language)
	}
	picture := "audio only"
	if v.Media.HasVideo {
		picture = fmt.Sprintf("%dx%d, %.4g fps", v.Media.Width, v.Media.Height, v.Media.FPS)
	}
	return [][2]string{
		{"id", v.ID},
		{"address", s.Site.Channel.WatchURL(v)},
		{"preview", s.Site.PreviewURL(v)},
		{"shown", shown(v)},
		{"state", strings.TrimSuffix(string(v.Media.State)+": "+v.Media.Error, ": ")},
		{"length", term.Duration(v.Media.Duration)},
		{"picture", picture},
		{"source", fmt.Sprintf("%s, %s", v.Media.SourceName, term.Bytes(v.Media.SourceBytes))},
		{"tags", strings.Join(v.Tags, ", ")},
		{"language", v.Language},
		{"licence", v.License},
		{"captions", strings.Join(captions, ", ")},
		{"warning", v.Warning},
		{"sharing", offer.Mode(s.Site.P2P, v)},
		{"views", fmt.Sprint(v.Views)},
	}
}

func listRenditions(a *app.App, renditions []store.Rendition) error {
	if len(renditions) == 0 {
		return nil
	}
	table := term.Table{Columns: []term.Column{
		{Title: "RENDITION", Right: true}, {Title: "PICTURE"}, {Title: "SIZE", Right: true}, {Title: "KBIT/S", Right: true}, {Title: "CODECS"},
	}}
	for _, r := range renditions {
		name, picture := fmt.Sprintf("%dp", r.Height), fmt.Sprintf("%dx%d", r.Width, r.PixHeight)
		if r.Height == 0 {
			name, picture = strings.TrimSpace("audio "+r.Language), ""
		}
		table.Rows = append(table.Rows, []string{name, picture, term.Bytes(r.Bytes), fmt.Sprint(r.Average / 1000), r.Codecs})
	}
	return a.Term.Write(table)
}
