package video

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/input"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/store"
)

type editOptions struct {
	title, description, descriptionFile, language, license string

	tags, addTags, rmTags   []string
	captions, rmCaptions    []string
	thumbnail, chapters, at string
	public, unlisted, draft bool
	downloads               bool
	p2p, comments, warning  string
	from                    string
	given                   func(flag string) bool
	captionFiles            map[string]string
}

func newEdit(a *app.App) *cobra.Command {
	var o editOptions
	c := &cobra.Command{
		Use:   "edit ID",
		Short: "Change what is said about a video",
		Long: `Changes what is said about a video. Without options it opens $VISUAL or $EDITOR with the
video's front matter and its description in Markdown. A text with a mistake is kept, and
the mistake is shown with its line; tubelet edit ID --from FILE takes it up again. What Markdown
knows is said by tubelet help publish.`,
		Example: `  tubelet edit k3v9x2m1qa --title "A better talk" --add-tag wood
  tubelet edit k3v9x2m1qa --draft
  tubelet edit k3v9x2m1qa --caption de=talk.de.srt`,
		Args:              line.Words("the ID of a video"),
		ValidArgsFunction: a.CompleteVideos,
		RunE: func(c *cobra.Command, args []string) error {
			o.given = c.Flags().Changed
			return o.run(c.Context(), a, args[0])
		},
	}
	o.flags(c)
	line.Completes(c, "language", line.Languages)
	line.Completes(c, "p2p", sharing)
	line.Completes(c, "comments", commenting)
	line.Exits(c, exit.NotFound, exit.Conflict)
	return c
}

func (o *editOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.title, "title", "", "title: `TEXT`")
	f.StringVar(&o.description, "description", "", "description: `TEXT` in Markdown")
	f.StringVar(&o.descriptionFile, "description-file", "", "`FILE` with the description")
	f.StringArrayVar(&o.tags, "tag", nil, "these tags instead: `TAG`, repeated or with commas")
	f.StringArrayVar(&o.addTags, "add-tag", nil, "a further `TAG`")
	f.StringArrayVar(&o.rmTags, "rm-tag", nil, "without this `TAG`")
	f.StringVar(&o.language, "language", "", "`LANG` spoken, such as en")
	f.StringVar(&o.license, "license", "", "licence: `NAME`, such as CC-BY-4.0")
	f.StringVar(&o.thumbnail, "thumbnail", "", "picture: an image `FILE|TIME`, such as 1:23")
	f.StringArrayVar(&o.captions, "caption", nil, "captions: `LANG=FILE`, WebVTT or SubRip, repeated")
	f.StringArrayVar(&o.rmCaptions, "rm-caption", nil, "without the captions of `LANG`")
	f.StringVar(&o.chapters, "chapters", "", "`FILE` of chapters")
	f.BoolVar(&o.downloads, "downloads", true, "offer files for download")
	f.StringVar(&o.p2p, "p2p", "", "`on|ask|off|default`: whether viewers share it among themselves; default is the setting p2p")
	f.StringVar(&o.comments, "comments", "", "`open|approve|links|closed|default`: who may comment; default is the setting comments")
	f.StringVar(&o.warning, "warning", "", "`TEXT` that viewers are warned with before they see it")
	f.BoolVar(&o.public, "public", false, "shown to everybody, now")
	f.BoolVar(&o.unlisted, "unlisted", false, "watchable by who has the address, named nowhere")
	f.BoolVar(&o.draft, "draft", false, "watchable by you alone")
	f.StringVar(&o.at, "at", "", "`TIME` to show it, such as 2026-12-01T18:00")
	f.StringVar(&o.from, "from", "", "`FILE|-` with front matter and description, as the editor shows them")
	line.Exclusive(c, "public", "unlisted", "draft")
	line.Exclusive(c, "public", "at")
	line.Exclusive(c, "draft", "at")
	line.Exclusive(c, "description", "description-file")
}

func (o *editOptions) run(ctx context.Context, a *app.App, video string) error {
	var err error
	if o.captionFiles, err = input.Captions(o.captions); err != nil {
		return &exit.UsageError{Err: fmt.Errorf("--caption: %w", err)}
	}
	return a.WithWorker(ctx, func(s *app.Session, w *work.Worker) error {
		v, err := s.Video(ctx, video)
		if err != nil {
			return err
		}
		switch {
		case o.from != "":
			err = o.fromFile(ctx, a, w, v)
		case o.any():
			err = o.fromFlags(ctx, w, v)
		default:
			err = fromEditor(ctx, a, s, w, v)
		}
		if err != nil {
			return err
		}
		return edited(ctx, a, s, v)
	})
}

// any reports whether an option asks for a change.
func (o *editOptions) any() bool {
	return slices.ContainsFunc([]string{
		"title", "description", "description-file", "tag", "add-tag", "rm-tag", "language", "license", "thumbnail",
		"caption", "rm-caption", "chapters", "downloads", "p2p", "comments", "warning", "public", "unlisted", "draft", "at",
	}, o.given)
}

// fromFlags changes v as the options say, in one go.
func (o *editOptions) fromFlags(ctx context.Context, w *work.Worker, v store.Video) error {
	changed, err := o.apply(v)
	if err != nil {
		return err
	}
	e := work.Edit{Video: changed, Thumbnail: o.thumbnail, Captions: o.captionFiles, RemoveCaptions: input.List(o.rmCaptions)}
	if len(e.Captions) == 0 && len(e.RemoveCaptions) == 0 && e.Thumbnail == "" {
		return save(ctx, w, v, changed)
	}
	return w.Edit(ctx, v, e)
}

// apply returns v as the options want it.
func (o *editOptions) apply(v store.Video) (store.Video, error) {
	for flag, field := range map[string][2]*string{
		"title": {&o.title, &v.Title}, "language": {&o.language, &v.Language}, "license": {&o.license, &v.License}, "p2p": {&o.p2p, &v.P2P},
		"comments": {&o.comments, &v.Commenting}, "warning": {&o.warning, &v.Warning},
	} {
		if o.given(flag) {
			*field[1] = *field[0]
		}
	}
	if o.given("description") || o.given("description-file") {
		description, err := input.Text(o.description, o.descriptionFile)
		if err != nil {
			return v, err
		}
		v.Description = description
	}
	if o.given("downloads") {
		v.Downloads = o.downloads
	}
	v.Tags = o.newTags(v.Tags)
	if o.chapters != "" {
		chapters, err := work.ReadChapters(o.chapters)
		if err != nil {
			return v, err
		}
		v.Chapters = chapters
	}
	return v, o.show(&v)
}

func (o *editOptions) newTags(tags []string) []string {
	if o.given("tag") {
		tags = input.List(o.tags)
	}
	drop := input.List(o.rmTags)
	kept := slices.DeleteFunc(slices.Clone(tags), func(tag string) bool {
		return slices.ContainsFunc(drop, func(d string) bool { return strings.EqualFold(d, tag) })
	})
	return input.List(append(kept, o.addTags...))
}

// show changes to whom and when v is shown.
func (o *editOptions) show(v *store.Video) error {
	switch {
	case o.public:
		v.Visibility, v.PublishAt = store.Public, time.Time{}
	case o.unlisted:
		v.Visibility = store.Unlisted
	case o.draft:
		v.Visibility = store.Draft
	}
	if o.at == "" {
		return nil
	}
	at, err := input.FutureTime(o.at, time.Now())
	if err != nil {
		return &exit.UsageError{Err: fmt.Errorf("--at: %w", err)}
	}
	// A draft is never shown: who gives it a moment wants it shown then.
	if v.Visibility == store.Draft {
		v.Visibility = store.Public
	}
	v.PublishAt = at
	return nil
}

// save stores a change of what is said about v, if it is one.
func save(ctx context.Context, w *work.Worker, v, changed store.Video) error {
	changed, err := check.Edited(v, changed)
	if err != nil || input.Same(v, changed) {
		return err
	}
	return w.Edit(ctx, v, work.Edit{Video: changed})
}

// edited shows what has become of the video that was before.
func edited(ctx context.Context, a *app.App, s *app.Session, before store.Video) error {
	v, err := s.Video(ctx, before.ID)
	if err != nil {
		return err
	}
	return a.Answer(s.Site.Video(v), func() error {
		if v.UpdatedAt.Equal(before.UpdatedAt) && v.Media.Poster == before.Media.Poster {
			return a.Printf("No change.\n")
		}
		return a.Printf("Changed: %s\n", s.Site.Address(v))
	})
}
