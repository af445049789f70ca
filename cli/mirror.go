package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/seed/mirror"
	"github.com/tubelet/tubelet/store"
)

// mirrorFolder is where a mirror keeps everything, in the data directory. There need be no
// channel beside it.
const mirrorFolder = "mirror"

const leastSize = 100e6 // bytes; less holds hardly a rendition

func newMirror(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use:   "mirror",
		Short: "Carry a part of a friend's load",
		Long: `Makes this machine a mirror of other people's channels: it follows a channel's feed, fetches
its videos, and gives them to the channel's viewers, so that the friend's upload carries less.
It needs no channel of its own. Viewers check every piece, so nothing can be altered on the way;
they see this machine's address, as it sees theirs.`,
		Example: "  tubelet mirror add https://video.example --size 50G --upload-limit 5Mbit\n  tubelet mirror run",
	}
	line.Group(c)
	line.Exits(c, exit.NotFound)
	c.AddCommand(newMirrorAdd(a), newMirrorLs(a), newMirrorRm(a), newMirrorSet(a), newMirrorRun(a))
	return c
}

// mirrorLimits are the options of a mirror as a whole.
type mirrorLimits struct{ size, rate, name, url string }

func (o *mirrorLimits) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.size, "size", "", "most `BYTES` of disk for all mirrored channels, such as 50G; none for no limit")
	f.StringVar(&o.rate, "upload-limit", "", "most of the upload: `RATE` such as 5Mbit; none for no limit")
	f.StringVar(&o.name, "name", "", "`NAME` that the channels see (default the machine's)")
	f.StringVar(&o.url, "url", "", "`URL` of a page about you, for the channels")
}

// apply changes what the options say and leaves the rest.
func (o *mirrorLimits) apply(c *cobra.Command, m *mirror.Mirror) error {
	s, err := m.Settings()
	if err != nil {
		return err
	}
	for flag, into := range map[string]*int64{"size": &s.Size, "upload-limit": &s.Rate} {
		if !c.Flags().Changed(flag) {
			continue
		}
		text := c.Flags().Lookup(flag).Value.String()
		if *into, err = store.ParseBytes(text); err != nil {
			return exit.Usagef("--%s %q: give an amount such as 50G, or a rate such as 5Mbit", flag, text)
		}
	}
	if c.Flags().Changed("size") && o.size != "none" && s.Size < leastSize {
		return exit.Usagef("--size %q: too small for videos: give 100M or more, or none for no limit", o.size)
	}
	if u, err := url.Parse(o.url); o.url != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return exit.Usagef("--url %q: give the address of a page, such as https://example.org/me", o.url)
	}
	host, _ := os.Hostname() // without one, a mirror has no name
	s.Name, s.URL = cmp.Or(o.name, s.Name, host), cmp.Or(o.url, s.URL)
	return m.Set(s)
}

// openMirror opens the mirror of the data directory.
func openMirror(a *app.App, change func(*mirror.Config)) (*mirror.Mirror, error) {
	data, err := a.DataDir()
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if _, err := os.Stat(data); err == nil {
		if err := exit.Owned(data); err != nil {
			return nil, err
		}
	} else if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	cfg := mirror.Config{Dir: filepath.Join(data, mirrorFolder)}
	change(&cfg)
	return mirror.New(cfg)
}

func asItIs(*mirror.Config) {}

func newMirrorAdd(a *app.App) *cobra.Command {
	var o mirrorLimits
	c := &cobra.Command{
		Use:   "add @NAME@HOST|URL",
		Short: "Mirror a channel",
		Long: `Begins to mirror a channel, which is named by its address in the fediverse, or by that of its
page or feed. The options say what the mirror may take in all, and hold until changed.`,
		Example: "  tubelet mirror add @workshop@video.example --size 50G --upload-limit 5Mbit",
		Args:    line.Words("the address of a channel"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := openMirror(a, asItIs)
			if err != nil {
				return err
			}
			if err := o.apply(c, m); err != nil {
				return err
			}
			ch, err := m.Add(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.Answer(wire.NewMirrored(ch), func() error {
				return a.Printf("Mirroring %s (%s)\nNext: tubelet mirror run\n", term.Clean(cmp.Or(ch.Title, ch.Base)), term.Clean(ch.Base))
			})
		},
	}
	o.flags(c)
	line.Exits(c)
	return c
}

func newMirrorSet(a *app.App) *cobra.Command {
	var o mirrorLimits
	c := &cobra.Command{
		Use: "set", Short: "Change what the mirror may take", Long: "Changes the limits and the name of the mirror, and shows them. A running one obeys at once.",
		Example: "  tubelet mirror set --upload-limit 10Mbit", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := openMirror(a, asItIs)
			if err != nil {
				return err
			}
			if err := o.apply(c, m); err != nil {
				return err
			}
			s, err := m.Settings()
			if err != nil {
				return err
			}
			return a.Answer(wire.NewMirrorSettings(s), func() error {
				return a.Printf("%s: %s of disk, %s of upload\n", term.Clean(s.Name), limited(s.Size, term.Bytes), limited(s.Rate, mbitText))
			})
		},
	}
	o.flags(c)
	line.Exits(c)
	return c
}

func limited(n int64, text func(int64) string) string {
	if n == 0 {
		return "any amount"
	}
	return "at most " + text(n)
}

func mbitText(n int64) string { return mbit(n) + " Mbit/s" }

func newMirrorLs(a *app.App) *cobra.Command {
	var noHeader bool
	c := &cobra.Command{
		Use: "ls", Short: "List the mirrored channels", Long: "Lists the mirrored channels: what is here of each, and how the last look at it went.",
		Example: "  tubelet mirror ls", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return runMirrorLs(c.Context(), a, noHeader) },
	}
	c.Flags().BoolVar(&noHeader, "no-header", false, "without the line of column titles")
	line.Exits(c)
	return c
}

func runMirrorLs(_ context.Context, a *app.App, noHeader bool) error {
	m, err := openMirror(a, asItIs)
	if err != nil {
		return err
	}
	list, err := m.List()
	if err != nil {
		return err
	}
	shapes := []wire.Mirrored{}
	table := term.Table{NoHeader: noHeader, None: "No channel is mirrored here.", Columns: []term.Column{
		{Title: "CHANNEL"}, {Title: "HERE", Right: true}, {Title: "FILES", Right: true}, {Title: "STATE", Cut: true}, {Title: "LOOKED"},
	}}
	for _, ch := range list {
		shapes = append(shapes, wire.NewMirrored(ch))
		table.Rows = append(table.Rows, []string{
			ch.Base, term.Bytes(ch.Bytes), fmt.Sprintf("%d of %d", ch.Files, ch.Wanted), mirroredState(ch), term.Time(ch.Looked),
		})
	}
	return a.Answer(shapes, func() error { return a.Term.Write(table) })
}

func mirroredState(ch mirror.Channel) string {
	switch {
	case ch.Error != "":
		return ch.Error
	case ch.Refused:
		return "refused by the channel"
	case ch.Connected:
		return "connected"
	}
	return "not running"
}

func newMirrorRm(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "rm @NAME@HOST|URL", Short: "Mirror a channel no more", Long: "Ends the mirroring of a channel and removes its files from this machine.",
		Example: "  tubelet mirror rm https://video.example", Args: line.Words("the address of a channel"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := openMirror(a, asItIs)
			if err != nil {
				return err
			}
			if err := m.Remove(args[0]); err != nil {
				return err
			}
			return a.Answer(struct {
				Removed string `json:"removed"`
			}{args[0]}, func() error { return a.Printf("Removed %s\n", term.Clean(args[0])) })
		},
	}
	line.Exits(c, exit.NotFound)
	return c
}
