package machine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/doctor"
)

type doctorOptions struct {
	offline bool
	via     string
}

func newDoctor(a *app.App) *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use: "doctor", Short: "Look whether the channel and its machine are well",
		Long: `Looks at the disk, the machine, ffmpeg, the clock, the database, the keys, the name, the line,
the certificate and the federation, and says of what is not right what to do about it. It
changes nothing. What it cannot know it calls "not asked", with the reason.

It asks your own resolver, your router and your own name, and nobody else. How things look
from outside only somebody outside can tell: with --via, a friend's Tubelet connects back to
this machine's ports, and takes a few megabytes to measure the upload.

Each check has an id, explained in docs/troubleshooting.md.`,
		Example: "  tubelet doctor --offline\n  tubelet doctor --via https://friend.example",
		Args:    line.Words(),
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.BoolVar(&o.offline, "offline", false, "only what this machine itself can tell, in two seconds")
	f.StringVar(&o.via, "via", "", "`URL` of a friend's Tubelet, which looks from outside")
	line.Exits(c, exit.NotFound)
	return c
}

func (o doctorOptions) run(ctx context.Context, a *app.App) error {
	if o.via != "" && o.offline {
		return exit.Usagef("--via asks a friend's server, which --offline does not")
	}
	cfg := doctor.Config{Built: built(), Offline: o.offline, Via: o.via}
	s, err := a.Look(ctx)
	if _, missing := errors.AsType[*exit.NoChannelError](err); missing {
		return err
	}
	if cfg.Opened = err; err == nil {
		defer s.Close()
		cfg.Store = s.Store
		if cfg.Media, err = s.Maker(ctx, nil); err != nil {
			return err
		}
	}
	if cfg.Data, err = a.DataDir(); err != nil {
		return err
	}
	if o.via != "" && cfg.Store != nil && s.Site.Channel.Local {
		return exit.Usagef("--via: this channel is for this machine only (tubelet init --local), so there is nothing to look at from outside")
	}
	shape := wire.NewDoctor(doctor.Run(ctx, cfg))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.Answer(shape, func() error { return showDoctor(a, shape) }); err != nil {
		return err
	}
	if !shape.OK {
		return fmt.Errorf("%d of %d checks failed", shape.Failed, len(shape.Checks))
	}
	return nil
}

// built is when the commit was made that this program is built from: never later than the
// program itself.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value) // zero when it is none
			return t
		}
	}
	return time.Time{}
}

func showDoctor(a *app.App, d wire.Doctor) error {
	marks := map[string]struct {
		word  string
		style term.Style
	}{"ok": {"OK   ", term.Green}, "warn": {"WARN ", term.Yellow}, "fail": {"FAIL ", term.Red}, "not asked": {"-    ", term.Dim}}
	var b strings.Builder
	for _, c := range d.Checks {
		mark := marks[c.Level]
		cause := term.CleanLines(c.Cause)
		if c.Level == "not asked" {
			cause = "not asked: " + cause
		}
		fmt.Fprintf(&b, "%s  %s %s: %s\n", c.ID, a.Term.Paint(mark.style, mark.word), c.Title, cause)
		if c.Remedy != "" {
			fmt.Fprintf(&b, "            %s\n", term.CleanLines(c.Remedy))
		}
	}
	fmt.Fprintf(&b, "\n%d failed, %s. Each is explained in docs/troubleshooting.md\n", d.Failed, warnings(d.Warnings))
	return a.Printf("%s", b.String())
}

func warnings(n int) string {
	if n == 1 {
		return "1 warning"
	}
	return fmt.Sprintf("%d warnings", n)
}
