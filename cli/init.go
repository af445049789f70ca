package cli

import (
	"context"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/store"
)

type initOptions struct {
	domain, name, handle string
	local                bool
	systemd              string // where the unit is written, empty for nowhere
}

func newInit(a *app.App) *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init --domain NAME --name TEXT --handle WORD",
		Short: "Make a channel: data directory, keys, settings",
		Long: `Makes a channel: the data directory with keys, settings and an empty database. It
prints what to do next: the lines for DNS, which it also looks up, and a unit for systemd. With
--systemd it writes the unit; tubelet install does the whole on Debian and its like.

Domain and handle are part of every address the channel ever gives out: they cannot be
changed later. When init fails it leaves nothing behind; where there is a channel already
it refuses.`,
		Example: `  tubelet init --domain video.example --name "The Small Workshop" --handle workshop
  tubelet init --domain video.example --name "My Shop" --handle shop --systemd=my.service
  tubelet init --local --data trial`,
		Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.StringVar(&o.domain, "domain", "", "host `NAME` of the channel; with --local any host:port (default localhost:8080)")
	f.StringVar(&o.name, "name", "", "`TEXT`, the channel's name (with --local default \"My channel\")")
	f.StringVar(&o.handle, "handle", "", "the `WORD` before the @ of its address: a-z, 0-9, _ (with --local default me)")
	f.BoolVar(&o.local, "local", false, "plain http, to try out on this machine")
	f.StringVar(&o.systemd, "systemd", "", "write a unit for systemd, to `FILE` or "+setup.UnitFile)
	f.Lookup("systemd").NoOptDefVal = setup.UnitFile
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
	binary, warning := program()
	unit, err := setup.StageUnit(o.systemd, setup.Unit(binary, data, serviceUser()))
	if err != nil {
		return err
	}
	defer unit.Drop()
	channel, err := setup.Create(ctx, setup.Config{
		Data: data, Domain: o.domain, Name: o.name, Handle: o.handle, Local: o.local,
	})
	if err != nil {
		return err
	}
	if err := unit.Keep(); err != nil {
		return err
	}
	made := described(data, channel)
	made.UnitFile = o.systemd
	if made.TLS, err = howTLS(ctx, a); err != nil {
		return err
	}
	if !channel.Local {
		made.Unit, made.Warning = setup.Unit(binary, data, serviceUser()), warning
		own := setup.PublicAddresses()
		made.DNS = setup.DNS(channel.Domain, own, setup.HasIPv4())
		found, state := setup.CheckDNS(ctx, channel.Domain, own)
		made.Leads = wire.NewLeads(found, state)
	}
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

// howTLS says how the channel that was made does HTTPS.
func howTLS(ctx context.Context, a *app.App) (string, error) {
	s, err := a.Look(ctx)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return s.Store.Setting(ctx, "tls")
}

// described says what was made. What a domain needs beside that is left out.
func described(data string, c store.Channel) wire.Init {
	made := wire.Init{
		Schema: wire.Schema, Data: data, Domain: c.Domain, Handle: c.Handle, Name: c.Name, Local: c.Local,
		URL: c.Base() + "/", DNS: []string{}, Commands: []string{}, Leads: wire.Leads{To: []string{}},
	}
	if !c.Local && os.Geteuid() == 0 {
		made.Commands = setup.NewUser(data)
	}
	return made
}

// program is the path of this program, and what is wrong with it as that of a service.
func program() (path, warning string) {
	path, err := os.Executable()
	if err != nil {
		return "/usr/local/bin/tubelet", ""
	}
	if setup.InPlace(path) {
		return path, ""
	}
	return path, "This program is " + path + ", where it may go away or not be allowed to run: put it into\n" +
		"/usr/local/bin (sudo install " + setup.Quote(path) + " /usr/local/bin/) and name it so in the unit."
}

// serviceUser is whom the server runs as: its maker, unless that is root.
func serviceUser() string {
	if u, err := user.Current(); err == nil && u.Uid != "0" {
		return u.Username
	}
	return setup.ServiceUser
}
