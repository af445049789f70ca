package care

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

func newBackup(a *app.App) *cobra.Command {
	var keep int
	c := &cobra.Command{
		Use:   "backup [DIR]",
		Short: "Make a backup while the server runs",
		Long: `Makes a backup of the whole channel in a new folder in DIR: database, keys, certificates,
videos, captions and pictures. The server may run, nobody waits. On the disk that holds the
channel, videos are linked and take no room, which helps against mistakes; against the loss of
the disk only a backup on another one helps. There each video is copied once, however many
backups there are, where the file system knows links.

Without DIR the settings backup.dir and backup.keep hold, by which the server makes backups
by itself: tubelet config set backup.dir /mnt/backup.

Keep the backup as safe as the channel: it has the keys by which the channel signs.`,
		Example: "  tubelet backup /mnt/backup --keep 7\n  tubelet backup verify /mnt/backup",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if keep < 0 {
				return exit.Usagef("--keep %d: it is a number of backups, 0 for all", keep)
			}
			return runBackup(c.Context(), a, args, keep)
		},
	}
	c.Flags().IntVar(&keep, "keep", 0, "keep the `N` newest backups of this channel in DIR and remove the others (0 keeps all)")
	line.Exits(c, exit.NotFound, exit.Conflict)
	c.AddCommand(newBackupVerify(a))
	return c
}

func runBackup(ctx context.Context, a *app.App, args []string, keep int) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	cfg := vault.Config{Data: s.Data, Store: s.Store, Keep: keep}
	if len(args) > 0 {
		cfg.Dir = args[0]
	} else if cfg.Dir, cfg.Keep, err = usual(ctx, s.Store, keep); err != nil {
		return err
	}
	show, clear := shows(a)
	cfg.Report = show
	r, err := vault.Make(ctx, cfg)
	clear()
	var incomplete *vault.IncompleteError
	if err != nil && !errors.As(err, &incomplete) {
		return err
	}
	out := wire.Backup{
		Schema: wire.Schema, Folder: r.Folder, Files: r.Files, Bytes: r.Bytes, Linked: r.Linked + r.Cloned, Copied: r.Copied,
		Removed: append([]string{}, r.Removed...), SameDisk: r.SameDisk, Missing: problems(r.Missing), Seconds: r.Took.Seconds(),
	}
	if said := a.Answer(out, func() error { return sayBackup(a, r) }); said != nil {
		return said
	}
	return exit.Hint(err, "It is kept, and no old one was removed. What is missing may be in an older one: tubelet repair --from BACKUP")
}

// usual returns where backups go and how many are kept when nothing else is said.
func usual(ctx context.Context, s *store.Store, keep int) (string, int, error) {
	dir, err := s.Setting(ctx, "backup.dir")
	if err != nil {
		return "", 0, err
	}
	if dir == "" {
		return "", 0, exit.Hint(exit.Usagef("backup needs the folder to make it in"),
			"Name one, as in tubelet backup /mnt/backup, or set it: tubelet config set backup.dir /mnt/backup")
	}
	if keep == 0 {
		text, err := s.Setting(ctx, "backup.keep")
		if err != nil {
			return "", 0, err
		}
		if keep, err = strconv.Atoi(text); err != nil {
			return "", 0, err
		}
	}
	return dir, keep, nil
}

func sayBackup(a *app.App, r vault.Result) error {
	err := a.Printf("Backed up %d files, %s, to %s in %.1f s.\n", r.Files, term.Bytes(r.Bytes), r.Folder, r.Took.Seconds())
	for _, folder := range r.Removed {
		err = errors.Join(err, a.Printf("Removed the old backup %s.\n", folder))
	}
	if r.SameDisk {
		err = errors.Join(err, a.Printf("It is on the disk that holds the channel: it helps against mistakes, not when that disk dies.\n"))
	}
	if r.Unrecorded {
		err = errors.Join(err, a.Printf("The database could not be written to, so that it was made is recorded nowhere, and no old backup was removed.\n"))
	}
	if len(r.Missing) > 0 {
		err = errors.Join(err, a.Printf("The channel lacks %s, and so does this backup:\n", count(len(r.Missing), "file")), tell(a, problems(r.Missing)))
	}
	if r.Open {
		err = errors.Join(err, a.Printf("Whoever can use that disk can read the channel's keys in it: its file system keeps no permissions.\n"))
	}
	return err
}

func newBackupVerify(a *app.App) *cobra.Command {
	var quick bool
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check that a backup is whole",
		Long: `Reads a backup, or the newest one in DIR, from beginning to end and checks every file by the
checksum that was known when it was made, videos by the pieces of their torrents, and the
database for damage. It writes nothing and stands back for other work. With --quick only the
presence and size of files is checked, and the database.`,
		Example: "  tubelet backup verify /mnt/backup",
		Args:    line.Words("the folder of a backup"),
		RunE:    func(c *cobra.Command, args []string) error { return runBackupVerify(c.Context(), a, args[0], quick) },
	}
	c.Flags().BoolVar(&quick, "quick", false, "do not read the files")
	line.Exits(c, exit.NotFound)
	return c
}

func runBackupVerify(ctx context.Context, a *app.App, dir string, quick bool) error {
	show, clear := shows(a)
	v, err := vault.Verify(ctx, dir, quick, show)
	clear()
	if err != nil {
		return err
	}
	m := v.Backup.Manifest
	out := wire.BackupCheck{
		Schema: wire.Schema, Folder: v.Backup.Folder, Made: wire.Moment(m.Made), Domain: m.Domain, Files: len(m.Files), Bytes: m.Bytes,
		Read: v.Read, Problems: problems(v.Problems), Seconds: v.Took.Seconds(),
	}
	err = a.Answer(out, func() error {
		if len(v.Problems) > 0 {
			return tell(a, out.Problems)
		}
		return a.Printf("%s is whole: %d files, %s, of %s, made %s.\n",
			v.Backup.Folder, len(m.Files), term.Bytes(m.Bytes), m.Domain, term.Time(m.Made))
	})
	if err == nil && len(v.Problems) > 0 {
		err = exit.Hint(errors.New("the backup is damaged: "+count(len(v.Problems), "file")),
			"Make a new one while the channel is well: tubelet backup DIR. To look at the channel: tubelet verify")
	}
	return err
}
