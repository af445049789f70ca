package cli

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/store"
)

type initOptions struct {
	domain, name, handle string
	local                bool
}

func newInit(a *app.App) *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init --domain NAME --name TEXT --handle WORD",
		Short: "Make a channel: data directory, keys, settings",
		Long: `Makes a channel: the data directory with keys, settings and an empty database. It
prints what to do next: the lines for DNS and a unit for systemd.

Domain and handle are part of every address the channel ever gives out: they cannot be
changed later. When init fails it leaves nothing behind; where there is a channel already
it refuses.`,
		Example: `  tubelet init --domain video.example --name "The Small Workshop" --handle workshop
  tubelet init --local --data trial`,
		Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.StringVar(&o.domain, "domain", "", "host `NAME` of the channel; with --local any host:port (default localhost:8080)")
	f.StringVar(&o.name, "name", "", "`TEXT`, the channel's name (with --local default \"My channel\")")
	f.StringVar(&o.handle, "handle", "", "the `WORD` before the @ of its address: a-z, 0-9, _ (with --local default me)")
	f.BoolVar(&o.local, "local", false, "plain http, to try out on this machine")
	line.Exits(c, exit.Conflict)
	return c
}

func (o initOptions) run(ctx context.Context, a *app.App) error {
	if err := o.complete(); err != nil {
		return err
	}
	data, err := a.DataDir()
	if err != nil {
		return err
	}
	channel, err := setup.Create(ctx, setup.Config{
		Data: data, Domain: o.domain, Name: o.name, Handle: o.handle, Local: o.local,
	})
	if err != nil {
		return err
	}
	made := described(data, channel)
	return a.Answer(made, func() error { return nextSteps(a, made) })
}

// complete fills in what may be left out for a trial, and asks for what may not.
func (o *initOptions) complete() error {
	for _, field := range []struct {
		value      *string
		flag, easy string
	}{{&o.domain, "domain", "localhost:8080"}, {&o.name, "name", "My channel"}, {&o.handle, "handle", "me"}} {
		if *field.value == "" && o.local {
			*field.value = field.easy
		}
		if *field.value == "" {
			return exit.Hint(exit.Usagef("init needs --%s", field.flag), "To try out without any: tubelet init --local")
		}
	}
	return nil
}

func described(data string, c store.Channel) wire.Init {
	made := wire.Init{
		Schema: wire.Schema, Data: data, Domain: c.Domain, Handle: c.Handle, Name: c.Name, Local: c.Local,
		URL: c.Base() + "/", DNS: []string{}, Commands: []string{},
	}
	if c.Local {
		return made
	}
	made.DNS = setup.DNS(c.Domain, setup.PublicAddresses())
	binary, name := "/usr/local/bin/tubelet", setup.ServiceUser
	if path, err := os.Executable(); err == nil {
		binary = path
	}
	if u, err := user.Current(); err == nil && u.Uid != "0" {
		name = u.Username
	}
	made.Unit = setup.Unit(binary, data, name)
	if os.Geteuid() == 0 {
		made.Commands = setup.NewUser(data)
	}
	if !setup.InPlace(binary) {
		made.Warning = "This program is " + binary + ", where it may go away or not be allowed to run: put it into\n" +
			"/usr/local/bin (sudo install " + setup.Quote(binary) + " /usr/local/bin/) and name it so in the unit."
	}
	return made
}

func nextSteps(a *app.App, made wire.Init) error {
	tubelet := "tubelet"
	if a.Data != "" {
		tubelet += " --data " + setup.Quote(made.Data)
	}
	if made.Local {
		return a.Printf("Made the channel in %s.\n\nNext:\n  %s serve\n  %s publish talk.mp4\nand look at %s\n",
			made.Data, tubelet, tubelet, made.URL)
	}
	video := "talk.mp4"
	if len(made.Commands) > 0 {
		// What root would write its user could not read; nor may that one read what is root's.
		tubelet = "sudo -u " + setup.ServiceUser + " tubelet --data " + setup.Quote(made.Data)
		video = "- < talk.mp4"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Made %s (@%s@%s) in %s.\n", made.Name, made.Handle, made.Domain, made.Data)
	fmt.Fprintf(&b, "Keep a copy of %s/keys: without it the channel is another one.\n", made.Data)
	fmt.Fprintf(&b, "\n1. DNS, at the place where you registered the domain:\n\n  %s\n", strings.Join(made.DNS, "\n  "))
	fmt.Fprintf(&b, "\n2. A unit for systemd, as /etc/systemd/system/tubelet.service:\n\n%s", indent(made.Unit))
	if len(made.Commands) > 0 {
		fmt.Fprintf(&b, "\n   It runs as a user of its own, to be made first:\n\n  %s\n", strings.Join(made.Commands, "\n  "))
	}
	if made.Warning != "" {
		fmt.Fprintf(&b, "\n   %s\n", strings.ReplaceAll(a.Term.Paint(term.Yellow, made.Warning), "\n", "\n   "))
	}
	fmt.Fprintf(&b, "\n   then: sudo systemctl enable --now tubelet\n   or by hand: %s serve\n", tubelet)
	fmt.Fprintf(&b, "\n3. A proxy that holds the certificate. For Caddy the whole of it is:\n\n")
	fmt.Fprintf(&b, "  %s {\n      reverse_proxy %s\n  }\n", made.Domain, setup.BehindProxy)
	fmt.Fprintf(&b, "\n4. A video:\n\n  %s publish %s\n", tubelet, video)
	return a.Printf("%s", b.String())
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
