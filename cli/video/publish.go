package video

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/follow"
	"github.com/tubelet/tubelet/cli/input"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

type publishOptions struct {
	title, description, descriptionFile string
	language, license                   string
	tags, captions                      []string
	thumbnail, chapters, at, p2p        string
	comments, warning                   string
	unlisted, draft, noWait, dryRun     bool
	threads                             threads
}

func newPublish(a *app.App) *cobra.Command {
	var o publishOptions
	c := &cobra.Command{
		Use:   "publish FILE|-",
		Short: "Publish a video or audio file",
		Long: `Publishes a video or audio file; - reads it from standard input. A file that browsers can
play is watchable within seconds; for others the quickest rendition is made first. The
address is printed once when it is watchable, and again when all renditions are done.

Ctrl-C before the file is stored leaves nothing behind. After that it only detaches: the
server goes on, and so does tubelet jobs attach ID. The same file twice is refused (4).

The description is Markdown: *soft*, **strong**, lists, quotes, headings and links. A moment such
as 1:23 becomes a link into the video, a line break stays one, and HTML and pictures are left out
(docs/descriptions.md).

While tubelet serve runs, renditions are made by the server, which obeys the setting
threads. Else this command makes them, and --threads says with how many cores.`,
		Example: `  tubelet publish talk.mp4 --title "A talk" --tag wood,tools --caption en=talk.srt
  tubelet publish - --title "From another machine" < talk.mp4
  tubelet publish talk.mp4 --dry-run`,
		Args: line.Words("a FILE, or - for standard input"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), a, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.title, "title", "", "`TEXT` (default from the file's metadata, else its name)")
	f.StringVar(&o.description, "description", "", "description: `TEXT` in Markdown")
	f.StringVar(&o.descriptionFile, "description-file", "", "`FILE` with the description")
	f.StringArrayVar(&o.tags, "tag", nil, "`TAG`, repeated or with commas")
	f.StringVar(&o.language, "language", "", "`LANG` spoken, such as en (default the channel's)")
	f.StringVar(&o.license, "license", "", "licence: `NAME`, such as CC-BY-4.0 (default the setting license)")
	f.StringVar(&o.thumbnail, "thumbnail", "", "picture: an image `FILE|TIME`, such as 1:23 (default a good frame)")
	f.StringArrayVar(&o.captions, "caption", nil, "captions: `LANG=FILE`, WebVTT or SubRip, repeated")
	f.StringVar(&o.chapters, "chapters", "", "`FILE` of chapters (default timestamps in the description, else the container's)")
	f.StringVar(&o.p2p, "p2p", "", "`on|ask|off`: whether viewers share it among themselves (default the setting p2p)")
	f.StringVar(&o.comments, "comments", "", "`open|approve|links|closed`: who may comment (default the setting comments)")
	f.StringVar(&o.warning, "warning", "", "`TEXT` that viewers are warned with before they see it")
	f.BoolVar(&o.unlisted, "unlisted", false, "watchable by who has the address, named nowhere")
	f.BoolVar(&o.draft, "draft", false, "watchable by you alone")
	f.StringVar(&o.at, "at", "", "`TIME` to show it, such as 2026-12-01T18:00")
	f.BoolVar(&o.noWait, "no-wait", false, "return once the file is stored; the server does the rest")
	f.BoolVar(&o.dryRun, "dry-run", false, "write nothing, show what would be made")
	o.threads.flag(c)
	line.Exclusive(c, "unlisted", "draft")
	line.Exclusive(c, "description", "description-file")
	line.Exclusive(c, "draft", "at")
	line.Completes(c, "language", line.Languages)
	line.Completes(c, "p2p", sharing)
	line.Completes(c, "comments", commenting)
	line.Exits(c, exit.NotFound, exit.Conflict, exit.Refused)
	return c
}

func (o publishOptions) run(ctx context.Context, a *app.App, file string) error {
	p, err := o.publish(a, file)
	if err != nil {
		return err
	}
	open := a.Open
	if o.dryRun {
		open = a.Look
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := o.threads.worker(ctx, s)
	if err != nil {
		return err
	}
	if o.dryRun {
		return dryRun(ctx, a, w, p)
	}
	r := follow.New(a.Term, s.Site, a.JSON)
	defer r.Clear()
	v, err := w.Publish(ctx, p, r.Report)
	if err != nil {
		return refused(file, err)
	}
	o.threads.note(a, w, o.noWait)
	return r.Follow(ctx, w, v, 1, o.noWait)
}

// refused names the file that is refused; what else goes wrong names itself.
func refused(file string, err error) error {
	if _, ok := errors.AsType[*media.RefusedError](err); !ok {
		return err
	}
	if file == "-" {
		file = "standard input"
	}
	return fmt.Errorf("%s is refused: %w", file, err)
}

// publish makes the options a request.
func (o publishOptions) publish(a *app.App, file string) (work.Publish, error) {
	p := work.Publish{
		Title: o.title, Language: o.language, License: o.license, Tags: input.List(o.tags), P2P: o.p2p, Commenting: o.comments, Warning: o.warning,
		Thumbnail: o.thumbnail, Chapters: o.chapters, Visibility: store.Public,
	}
	switch {
	case o.unlisted:
		p.Visibility = store.Unlisted
	case o.draft:
		p.Visibility = store.Draft
	}
	if err := o.read(a, &p, file); err != nil {
		return p, err
	}
	if o.at != "" {
		at, err := input.FutureTime(o.at, time.Now())
		if err != nil {
			return p, &exit.UsageError{Err: fmt.Errorf("--at: %w", err)}
		}
		p.At = at
	}
	return p, nil
}

// read puts into p what comes from files.
func (o publishOptions) read(a *app.App, p *work.Publish, file string) (err error) {
	if p.Path, p.Stdin, err = a.Source(file); err != nil {
		return err
	}
	if p.Captions, err = input.Captions(o.captions); err != nil {
		return &exit.UsageError{Err: fmt.Errorf("--caption: %w", err)}
	}
	p.Description, err = input.Text(o.description, o.descriptionFile)
	return err
}

// dryRun shows what publishing would do.
func dryRun(ctx context.Context, a *app.App, w *work.Worker, p work.Publish) error {
	d, err := w.DryRun(ctx, p)
	if err != nil {
		return refused(cmp.Or(p.Path, "-"), err)
	}
	if d.Duplicate != "" {
		return &store.DuplicateError{ID: d.Duplicate}
	}
	shape := wire.NewDryRun(d)
	return a.Answer(shape, func() error { return showDryRun(a, shape) })
}

func showDryRun(a *app.App, d wire.DryRun) error {
	seconds := func(s float64) string { return term.Duration(time.Duration(s * float64(time.Second))) }
	source := fmt.Sprintf("%dx%d %s %s", d.Width, d.Height, d.VideoCodec, d.AudioCodec)
	if d.Width == 0 {
		source = "audio only, " + d.AudioCodec
	}
	if err := a.Printf("%s\n%s, %s\n\n", a.Term.Paint(term.Bold, term.Clean(d.Title)), seconds(d.Duration), term.Clean(source)); err != nil {
		return err
	}
	table := term.Table{Columns: []term.Column{
		{Title: "RENDITION", Right: true}, {Title: "PICTURE"}, {Title: "FPS", Right: true}, {Title: "MADE BY"}, {Title: "ORDER"},
	}}
	for _, r := range d.Rungs {
		by, order := "encoding", "later"
		if r.Copy {
			by = "copying"
		}
		if r.First {
			order = "first: watchable then"
		}
		table.Rows = append(table.Rows, []string{
			fmt.Sprintf("%dp", r.Height), fmt.Sprintf("%dx%d", r.Width, r.Pixels), fmt.Sprintf("%.4g", r.FPS), by, order,
		})
	}
	if err := a.Term.Write(table); err != nil {
		return err
	}
	if d.CopyReason != "" && d.Width > 0 {
		if err := a.Printf("\nThe source is not copied as it is: %s.\n", term.Clean(d.CopyReason)); err != nil {
			return err
		}
	}
	return a.Printf("\nAbout %s of work, %s of renditions. Disk: %s needed, %s free.\nNothing was written.\n",
		seconds(d.Seconds), term.Bytes(d.Bytes), term.Bytes(d.Needed), term.Bytes(d.Free))
}
