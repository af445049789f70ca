package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/install"
	"github.com/tubelet/tubelet/server/setup"
)

type installOptions struct {
	domain, name, handle string
	dry                  bool
}

func newInstall(a *app.App) *cobra.Command {
	var o installOptions
	c := &cobra.Command{
		Use: "install", Short: "Set the server up on Debian, Ubuntu or Raspberry Pi OS",
		Long: `Sets the server up, on Debian and what is made of it: ffmpeg by apt, this program in
/usr/local/bin, a user and a folder of its own, the unit for systemd, and, with --domain,
--name and --handle, the channel. What is done already is left as it is, so it can be run
again after an upgrade. Without --data the data is where the unit says that is there already,
else in /var/lib/tubelet; the unit's user stays too. Where --data says something else than the
unit, nothing is done.

With --dry-run it prints exactly what it would run, and runs nothing. It needs root.`,
		Example: "  tubelet install --dry-run\n" +
			"  tubelet install --domain video.example --name \"The Small Workshop\" --handle workshop --dry-run",
		Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.StringVar(&o.domain, "domain", "", "make a channel too, with this host `NAME`")
	f.StringVar(&o.name, "name", "", "`TEXT`, the channel's name")
	f.StringVar(&o.handle, "handle", "", "the `WORD` before the @ of its address")
	f.BoolVar(&o.dry, "dry-run", false, "print what would be run")
	line.Exits(c, exit.Conflict)
	return c
}

func (o installOptions) run(ctx context.Context, a *app.App) error {
	if o.domain == "" && (o.name != "" || o.handle != "") || o.domain != "" && (o.name == "" || o.handle == "") {
		return exit.Usagef("a channel needs --domain, --name and --handle together")
	}
	cfg, err := installConfig(a)
	if err != nil {
		return err
	}
	cfg.Domain, cfg.Name, cfg.Handle = o.domain, o.name, o.handle
	steps, err := install.Plan(cfg)
	if err != nil {
		return described(err)
	}
	if err := perform(ctx, a, cfg, steps, o.dry); err != nil || o.dry || a.JSON {
		return err
	}
	next := "sudo -u " + setup.Quote(cfg.User) + " tubelet --data " + setup.Quote(cfg.Data)
	if o.domain == "" {
		return a.Printf("\nNext, unless there is a channel already:\n  sudo tubelet install --domain NAME --name TEXT --handle WORD\n")
	}
	return a.Printf("\nNext:\n  %s doctor\n  %s publish - < talk.mp4\n", next, next)
}

func installConfig(a *app.App) (install.Config, error) {
	binary, err := os.Executable()
	if err != nil {
		return install.Config{}, fmt.Errorf("find this program: %w", err)
	}
	cfg := install.Config{Binary: binary}
	if a.Data != "" {
		if cfg.Data, err = filepath.Abs(a.Data); err != nil {
			return cfg, err
		}
	}
	return install.Settle(cfg)
}

func described(err error) error {
	if errors.Is(err, install.ErrOtherSystem) {
		return exit.Hint(err, "docs/install.md says what to do by hand; tubelet init prints a unit for systemd.")
	}
	return err
}

// perform runs the steps, or tells them.
func perform(ctx context.Context, a *app.App, cfg install.Config, steps []install.Step, dry bool) error {
	shape := wire.Install{Schema: wire.Schema, DryRun: dry, Steps: []wire.Doing{}}
	for _, s := range steps {
		shape.Steps = append(shape.Steps, wire.Doing{What: s.What, Command: s.Shell(), Done: s.Done})
	}
	if dry {
		return a.Answer(shape, func() error { return a.Printf("%s", listed(a, steps)) })
	}
	if os.Geteuid() != 0 {
		return exit.Hint(errors.New("this changes the machine, which takes root"), "Run it with sudo; add --dry-run to see what it does.")
	}
	err := install.Do(ctx, cfg, steps, func(s install.Step) {
		if !s.Done && !a.JSON {
			_ = a.Printf("# %s\n%s\n", s.What, term.Clean(s.Shell())) // nobody need look on
		}
	})
	if err != nil {
		return err
	}
	return a.Answer(shape, func() error { return nil })
}

// listed prints steps as a script: what is done already as a remark.
func listed(a *app.App, steps []install.Step) string {
	var b strings.Builder
	for _, s := range steps {
		if s.Done {
			fmt.Fprintf(&b, "%s\n", a.Term.Paint(term.Dim, "# done already: "+s.What))
			continue
		}
		fmt.Fprintf(&b, "# %s\n%s\n", s.What, term.Clean(s.Shell()))
		if s.Argv == nil {
			fmt.Fprintf(&b, "  | %s\n", strings.ReplaceAll(strings.TrimRight(s.Text, "\n"), "\n", "\n  | "))
		}
	}
	return b.String()
}

type uninstallOptions struct{ purge, yes, dry bool }

func newUninstall(a *app.App) *cobra.Command {
	var o uninstallOptions
	c := &cobra.Command{
		Use: "uninstall", Short: "Take the server away, and leave the channel",
		Long: `Stops the server and takes its unit and the program away, as tubelet install put them there.
The data folder, which is that of the unit, stays, with keys and videos, and so does its user.
With --purge they go too, for ever: it asks for the word delete first, unless --yes is given.
A user that is not called tubelet stays, as does ffmpeg.

With --dry-run it prints exactly what it would run, and runs nothing. It needs root.`,
		Example: "  tubelet uninstall --dry-run", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.BoolVar(&o.purge, "purge", false, "delete the channel, its keys and all its videos too")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.dry, "dry-run", false, "print what would be run")
	line.Exits(c, exit.Conflict)
	return c
}

func (o uninstallOptions) run(ctx context.Context, a *app.App) error {
	cfg, err := installConfig(a)
	if err != nil {
		return err
	}
	if install.Packaged(cfg) {
		return exit.Hint(errors.New("it was installed by apt"), "Take it away by that: sudo apt remove tubelet. The data in %s stays.", cfg.Data)
	}
	steps, err := install.PlanRemoval(cfg, o.purge)
	if err != nil {
		return described(err)
	}
	if o.purge && !o.yes && !o.dry {
		question := fmt.Sprintf("This deletes the channel in %s, its keys and all its videos, for ever.", term.Clean(cfg.Data))
		if err := a.Term.Confirm(ctx, question, "delete"); err != nil {
			return err
		}
	}
	if err := perform(ctx, a, cfg, steps, o.dry); err != nil || o.dry || a.JSON {
		return err
	}
	if o.purge {
		return nil
	}
	return a.Printf("\nThe channel is still in %s.\n", cfg.Data)
}
