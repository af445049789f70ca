package care

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

type restoreOptions struct{ dryRun, replace, incomplete, yes bool }

func newRestore(a *app.App) *cobra.Command {
	var o restoreOptions
	c := &cobra.Command{
		Use:   "restore DIR",
		Short: "Restore the channel from a backup",
		Long: `Makes the data directory from a backup, or from the newest one in DIR: the same keys, the same
followers, the same addresses, so that nobody elsewhere notices. An older database is upgraded,
one of a newer tubelet is refused. No server may run on the data directory.

The data directory must be empty. With --replace what is there is kept aside in it, in a folder
replaced-DATE, and can be removed when all is well. Everything is made first and then moved; when
even that is cut short, the next restore brings it to its end.

What was published, commented and followed after the backup was made is not in it.`,
		Example: "  tubelet restore /mnt/backup --replace --dry-run\n  tubelet restore /mnt/backup --replace --yes",
		Args:    line.Words("the folder of a backup"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c.Context(), a, args[0]) },
	}
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what would happen")
	f.BoolVar(&o.replace, "replace", false, "keep aside what is in the data directory")
	f.BoolVar(&o.incomplete, "incomplete", false, "also from a backup that lacks files of videos")
	f.BoolVar(&o.yes, "yes", false, "do not ask before replacing")
	line.Exits(c, exit.NotFound, exit.Conflict)
	return c
}

func (o restoreOptions) run(ctx context.Context, a *app.App, dir string) error {
	data, err := a.DataDir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(data); err == nil && !o.dryRun {
		if err := exit.Owned(data); err != nil {
			return err
		}
	}
	if o.replace && !o.yes && !o.dryRun {
		if err := a.Term.Confirm(ctx, fmt.Sprintf("Puts what is in %s aside and restores a backup in its place.", data), "restore"); err != nil {
			return err
		}
	}
	show, clear := shows(a)
	r, err := vault.Restore(ctx, vault.RestoreConfig{
		Data: data, Dir: dir, Replace: o.replace, Incomplete: o.incomplete, DryRun: o.dryRun, Report: show,
	})
	clear()
	if err != nil {
		return advised(err)
	}
	m := r.Backup.Manifest
	out := wire.Restored{
		Schema: wire.Schema, Data: data, Folder: r.Backup.Folder, Made: wire.Moment(m.Made), Domain: m.Domain, Files: len(m.Files), Bytes: m.Bytes,
		Linked: r.Linked, Copied: r.Copied, Aside: r.Aside, Upgraded: r.Upgraded, Resumed: r.Resumed, DryRun: o.dryRun,
		Problems: problems(r.Problems), Seconds: r.Took.Seconds(),
	}
	return a.Answer(out, func() error { return o.say(a, out) })
}

// advised adds what to do next.
func advised(err error) error {
	if damaged, ok := errors.AsType[*vault.DamagedError](err); ok {
		return exit.Hint(err, "tubelet backup verify %s lists the damage. To restore all but videos that lack files, add --incomplete.", damaged.Folder)
	}
	if errors.Is(err, store.ErrExists) {
		return exit.Hint(err, "To keep aside what is there, add --replace. To restore elsewhere, add --data DIR.")
	}
	return err
}

func (o restoreOptions) say(a *app.App, r wire.Restored) error {
	word := "Restored"
	if o.dryRun {
		word = "Would restore"
	}
	if r.Resumed {
		return a.Printf("%s: the restoring that was cut short, from %s.\n", word, r.Folder)
	}
	var m time.Time
	if r.Made != nil {
		m = *r.Made
	}
	err := a.Printf("%s %s with %d files, %s, from %s, made %s.\n", word, r.Domain, r.Files, term.Bytes(r.Bytes), r.Folder, term.Time(m))
	if r.Aside != "" {
		kept := "is"
		if o.dryRun {
			kept = "would be kept"
		}
		err = errors.Join(err, a.Printf("What was there %s in %s.\n", kept, r.Aside))
	}
	if r.Upgraded {
		err = errors.Join(err, a.Printf("The database is upgraded on the way.\n"))
	}
	if len(r.Problems) > 0 {
		err = errors.Join(err, a.Printf("Not as they should be:\n"), tell(a, r.Problems))
	}
	if !o.dryRun {
		err = errors.Join(err, a.Printf("Took %.1f s. Start it: tubelet serve%s\n", r.Seconds, elsewhere(a, r.Data)))
	}
	return err
}

// elsewhere returns the flag that names a data directory which is not the usual one.
func elsewhere(a *app.App, data string) string {
	if a.Data == "" {
		return ""
	}
	return " --data " + setup.Quote(data)
}

// count says a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
