package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/input"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

type channelOptions struct {
	name, description, descriptionFile, language, avatar, banner string

	links, rmLinks []string
	given          func(flag string) bool
}

func newChannel(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "channel",
		Short: "Show the channel, or change what is said about it",
		Long:  "Shows what the pages say about the channel: name, description, pictures, links.",
		Example: `  tubelet channel
  tubelet channel edit --description "Wood and steel."`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return line.Unknown(c, args[0])
			}
			s, err := a.Look(c.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			return showChannel(c.Context(), a, s)
		},
	}
	line.Exits(c, exit.NotFound)
	c.AddCommand(newChannelEdit(a))
	return c
}

func newChannelEdit(a *app.App) *cobra.Command {
	var o channelOptions
	c := &cobra.Command{
		Use:   "edit",
		Short: "Change what is said about the channel",
		Long: `Changes what the pages say about the channel. Handle and domain are part of its addresses
and stay. Pictures are JPEG, PNG or WebP; what the camera wrote into them is left out.`,
		Example: `  tubelet channel edit --name "The Small Workshop" --link "Mastodon=https://social.example/@me"
  tubelet channel edit --rm-link https://social.example/@me`,
		Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			o.given = c.Flags().Changed
			return a.WithWorker(c.Context(), func(s *app.Session, w *work.Worker) error { return o.run(c.Context(), a, s, w) })
		},
	}
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "name: `TEXT`")
	f.StringVar(&o.description, "description", "", "description: `TEXT` in Markdown")
	f.StringVar(&o.descriptionFile, "description-file", "", "`FILE` with the description")
	f.StringVar(&o.language, "language", "", "`LANG` of the channel's own texts and of new videos, such as en; the interface is English")
	f.StringVar(&o.avatar, "avatar", "", "picture: an image `FILE`, cut to a square; \"\" for none")
	f.StringVar(&o.banner, "banner", "", "wide picture of the channel page: an image `FILE`; \"\" for none")
	f.StringArrayVar(&o.links, "link", nil, "a further link, or a new label of one: `LABEL=URL`, repeated")
	f.StringArrayVar(&o.rmLinks, "rm-link", nil, "without the link to this `URL`, repeated")
	line.Exclusive(c, "description", "description-file")
	line.Completes(c, "language", line.Languages)
	line.Exits(c, exit.NotFound)
	return c
}

func (o *channelOptions) run(ctx context.Context, a *app.App, s *app.Session, w *work.Worker) error {
	e, err := o.apply(s.Site.Channel)
	if err != nil {
		return err
	}
	if err := w.EditChannel(ctx, e); err != nil {
		return err
	}
	return showChannel(ctx, a, s)
}

// apply returns c as the options want it.
func (o *channelOptions) apply(c store.Channel) (work.ChannelEdit, error) {
	e := work.ChannelEdit{Channel: c, Avatar: o.avatar, Banner: o.banner}
	description, err := input.Text(o.description, o.descriptionFile)
	if err != nil {
		return e, err
	}
	for _, field := range []struct {
		given bool
		to    *string
		value string
	}{
		{o.given("name"), &e.Channel.Name, o.name},
		{o.given("description") || o.given("description-file"), &e.Channel.Description, description},
		{o.given("language"), &e.Channel.Language, o.language},
		{o.given("avatar") && o.avatar == "", &e.Channel.Avatar, ""},
		{o.given("banner") && o.banner == "", &e.Channel.Banner, ""},
	} {
		if field.given {
			*field.to = field.value
		}
	}
	e.Channel.Links, err = o.newLinks(c.Links)
	return e, err
}

func (o *channelOptions) newLinks(links []store.Link) ([]store.Link, error) {
	links = slices.Clone(links)
	at := func(url string) int {
		return slices.IndexFunc(links, func(l store.Link) bool { return l.URL == url })
	}
	for _, url := range o.rmLinks {
		i := at(url)
		if i < 0 {
			return nil, exit.Hint(store.Errorf(store.ErrNotFound, "the channel has no link to %q", url), "To see them: tubelet channel")
		}
		links = slices.Delete(links, i, i+1)
	}
	for _, text := range o.links {
		label, url, found := strings.Cut(text, "=")
		if !found || label == "" || url == "" {
			return nil, exit.Usagef("--link %q: write a label and an address, such as Mastodon=https://social.example/@me", text)
		}
		if i := at(url); i >= 0 {
			links[i].Label = label
			continue
		}
		links = append(links, store.Link{Label: label, URL: url})
	}
	return links, nil
}

// showChannel shows the channel as it is stored.
func showChannel(ctx context.Context, a *app.App, s *app.Session) error {
	c, err := s.Store.Channel(ctx)
	if err != nil {
		return err
	}
	shape := s.Site.NewChannel(c)
	return a.Answer(shape, func() error {
		var b strings.Builder
		fmt.Fprintln(&b, a.Term.Paint(term.Bold, term.Clean(c.Name)))
		lines := [][2]string{
			{"address", shape.Address}, {"pages", shape.URL}, {"language", c.Language}, {"avatar", shape.Avatar}, {"banner", shape.Banner},
		}
		for _, l := range c.Links {
			lines = append(lines, [2]string{"link", l.Label + ": " + l.URL})
		}
		for _, line := range lines {
			if line[1] != "" {
				fmt.Fprintf(&b, "%s %s\n", a.Term.Paint(term.Dim, fmt.Sprintf("%-12s", line[0])), term.Clean(line[1]))
			}
		}
		if c.Description != "" {
			fmt.Fprintf(&b, "\n%s\n", term.CleanLines(c.Description))
		}
		return a.Printf("%s", b.String())
	})
}
