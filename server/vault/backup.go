package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// backup is one backup being made.
type backup struct {
	Config
	channel store.Channel
	id      string // the channel's identity, "" when its key cannot be read
	dir     string // the real path of Dir
	earlier []Backup
	known   map[string]proof.File // by path, from the backup before
	name    string
	part    string // where it is made
	media   *placer
	total   int64 // bytes to copy, 0 when none are
	wrote   int64
	lost    []string // files that are named but not there
	result  Result
}

// Make makes a backup and records that it did, or that it failed. Nothing but a whole
// backup ever bears the name of one. With an *IncompleteError there is a result all the same.
func Make(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Report == nil {
		cfg.Report = func(Progress) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	began := cfg.Now()
	result, err := attempt(ctx, cfg, began)
	if errors.Is(err, ErrBusy) {
		return Result{}, err
	}
	if err == nil {
		return result, nil
	}
	err = fmt.Errorf("back up to %s: %w", cfg.Dir, err)
	if ctx.Err() == nil {
		// That it could not be written down either is in the log.
		_ = cfg.record(ctx, func(ctx context.Context) error { return cfg.Store.Archive().Failed(ctx, cfg.Now(), err.Error()) })
	}
	return result, err
}

// record writes down what came of a backup, on a full disk with the help of the ballast. A
// backup that is not recorded is one all the same.
func (cfg *Config) record(ctx context.Context, do func(context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	err := do(ctx)
	if err != nil && disk.Full(cfg.Data, err) && disk.DropBallast(cfg.Data) {
		cfg.Log.Warn("disk full, ballast given back", "dir", cfg.Data)
		err = do(ctx)
	}
	if err != nil {
		cfg.Log.Error("backup not recorded", "err", err)
	}
	return err
}

func attempt(ctx context.Context, cfg Config, began time.Time) (Result, error) {
	b := &backup{Config: cfg}
	start := time.Now() // the clock may jump meanwhile, this does not
	dir, err := cfg.place()
	if err != nil {
		return Result{}, err
	}
	b.dir = dir
	l, err := lock(cfg.Data)
	if err != nil {
		return Result{}, err
	}
	defer l.Release()
	if b.channel, err = cfg.Store.Channel(ctx); err != nil {
		return Result{}, err
	}
	if err := b.prepare(ctx, began); err != nil {
		return Result{}, full(dir, err)
	}
	defer os.RemoveAll(b.part)
	if err := b.fill(ctx, began); err != nil {
		return Result{}, full(dir, err)
	}
	if err := b.publish(); err != nil {
		return Result{}, full(dir, err)
	}
	b.result.Took = time.Since(start)
	err = b.finish(ctx, archive.Last{At: began, Took: b.result.Took, Folder: b.result.Folder, Bytes: b.result.Bytes, Files: b.result.Files})
	return b.result, err
}

// prepare looks at what is in the folder of backups, clears what a kill has left there, and
// makes room for the new one.
func (b *backup) prepare(ctx context.Context, began time.Time) error {
	// Without a key it is still copied. That it lacks is told later.
	b.id, _ = identify(filepath.Join(b.Data, keyName))
	if err := b.findEarlier(ctx); err != nil {
		return err
	}
	if err := b.clearDead(); err != nil {
		return err
	}
	stamp := prefix + hostName(b.channel.Domain) + "-" + began.UTC().Format("20060102-150405")
	b.name = stamp
	for n := 2; ; n++ { // also when the clock was set back
		if _, err := os.Lstat(filepath.Join(b.dir, b.name)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		b.name = fmt.Sprintf("%s-%d", stamp, n)
	}
	b.part = filepath.Join(b.dir, "."+b.name+partSuffix)
	if err := os.Mkdir(b.part, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(b.part)
	if err == nil {
		b.result.Open = info.Mode().Perm()&0o077 != 0
	}
	b.media = newPlacer(b.Data, b.part)
	b.media.before = b.before
	return err
}

// findEarlier finds the backups of this channel, the newest last, and what the newest says.
func (b *backup) findEarlier(ctx context.Context) error {
	all, err := List(b.dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		// Without its key nobody knows whether they are its own, and so none will be removed.
		if b.namesake(e.Manifest) && (e.Manifest.Identity == b.id || b.id == "") {
			b.earlier = append(b.earlier, e)
		}
	}
	b.known = map[string]proof.File{}
	if n := len(b.earlier); n > 0 {
		for _, f := range b.earlier[n-1].Manifest.Files {
			b.known[f.Path] = f
		}
		return nil
	}
	last, err := b.Store.Archive().Last(ctx)
	if err != nil {
		return err
	}
	if b.Unattended && last.Folder != "" && filepath.Dir(last.Folder) == b.dir {
		return &PlaceError{b.Dir, "holds none of the backups that were made there: is its disk mounted? If they were removed on purpose, make one by hand: tubelet backup"}
	}
	return nil
}

// namesake reports whether a backup is of a channel that bears our name.
func (b *backup) namesake(m Manifest) bool {
	return m.Domain == b.channel.Domain && m.Handle == b.channel.Handle
}

// before returns the file of the backup before that is the same.
func (b *backup) before(path string, info fs.FileInfo) string {
	n := len(b.earlier)
	if n == 0 || !b.same(path, info) {
		return ""
	}
	old := filepath.Join(b.earlier[n-1].Folder, path)
	if there, err := os.Lstat(old); err != nil || !there.Mode().IsRegular() || there.Size() != info.Size() {
		return ""
	}
	return old
}

// same reports whether a file has not changed since the backup before.
func (b *backup) same(path string, info fs.FileInfo) bool {
	f, ok := b.known[path]
	return ok && f.Bytes == info.Size() && f.Modified.Equal(info.ModTime())
}

// fill puts everything into the part folder.
func (b *backup) fill(ctx context.Context, began time.Time) error {
	files, err := b.gather(ctx)
	if err != nil {
		return err
	}
	small, err := b.copySmall(ctx)
	if err != nil {
		return err
	}
	if err := b.lacks(files); err != nil {
		return err
	}
	list, err := b.describe(ctx, append(without(files, b.lost), small...))
	if err != nil {
		return err
	}
	version, err := archive.Check(ctx, filepath.Join(b.part, databaseName))
	if err != nil {
		return fmt.Errorf("the copy of the database is not sound, and so the channel's own may not be: %w", err)
	}
	m := Manifest{
		Format: format, Number: b.number(), Made: began.UTC(), Program: program(), Schema: version,
		Domain: b.channel.Domain, Handle: b.channel.Handle, Name: b.channel.Name, Identity: b.id, Files: list,
	}
	for _, p := range b.result.Missing {
		m.Missing = append(m.Missing, p.Path)
	}
	for _, f := range list {
		m.Bytes += f.Bytes
	}
	b.result.Files, b.result.Bytes = len(list), m.Bytes
	b.result.Linked, b.result.Cloned, b.result.Copied = b.media.linked, b.media.cloned, b.media.copied
	text, err := m.encode()
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(b.part, manifestName), text)
}

func (b *backup) number() int {
	if n := len(b.earlier); n > 0 {
		return b.earlier[n-1].Manifest.Number + 1
	}
	return 1
}

// tries is how often the database is copied anew because videos were removed meanwhile,
// before their removal has to wait.
const tries = 3

// gather brings the files of all videos and a database that names exactly these. Most are
// brought first, so that little can change between the copy of the database and the rest.
func (b *backup) gather(ctx context.Context) ([]archive.File, error) {
	live, err := b.Store.Archive().Files(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.roomFor(live); err != nil {
		return nil, err
	}
	if _, err := b.bring(ctx, live); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		files, lost, err := b.snapshot(ctx, n >= tries)
		if err != nil {
			return nil, err
		}
		if len(lost) == 0 {
			return files, b.drop(live, files)
		}
		if n >= tries {
			// Nobody took it away meanwhile: it was gone before. The rest is worth keeping.
			b.lost = lost
			return files, b.drop(live, files)
		}
	}
}

// snapshot copies the database and brings what it names. What is not there it returns.
func (b *backup) snapshot(ctx context.Context, alone bool) (files []archive.File, lost []string, err error) {
	if alone {
		l, err := disk.WaitLock(ctx, filepath.Join(b.Data, "place.lock"), 5*time.Millisecond)
		if err != nil {
			return nil, nil, err
		}
		defer l.Release()
	}
	b.Report(Progress{Stage: "copying the database", Percent: 99})
	to := filepath.Join(b.part, databaseName)
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err := b.Store.Archive().Copy(ctx, to); err != nil {
		return nil, nil, err
	}
	copied, err := store.Inspect(ctx, to)
	if err != nil {
		return nil, nil, err
	}
	defer copied.Close()
	if files, err = copied.Archive().Files(ctx); err != nil {
		return nil, nil, err
	}
	lost, err = b.bring(ctx, files)
	return files, lost, err
}

// bring places files and returns those that are not there.
func (b *backup) bring(ctx context.Context, files []archive.File) (lost []string, err error) {
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b.step(i, len(files))
		err := b.media.put(ctx, f.Path, func(n int64) {
			b.wrote += n
			b.step(i, len(files))
		})
		if errors.Is(err, fs.ErrNotExist) {
			lost = append(lost, f.Path)
		} else if err != nil {
			return nil, err
		}
	}
	return lost, nil
}

// step tells how far it has come: by bytes where they are copied, else by files.
func (b *backup) step(i, n int) {
	percent := 90 * float64(i) / float64(max(n, 1))
	if b.total > 0 {
		percent = min(90, 90*float64(b.wrote)/float64(b.total))
	}
	b.Report(Progress{Stage: "keeping files", Percent: percent})
}

// drop takes files out that the database does not name, since they were removed meanwhile.
func (b *backup) drop(live, files []archive.File) error {
	keep := make(map[string]bool, len(files))
	for _, f := range files {
		keep[f.Path] = true
	}
	for _, f := range live {
		if keep[f.Path] {
			continue
		}
		if err := os.Remove(filepath.Join(b.part, f.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// Folders that hold something else stay.
		_ = os.Remove(filepath.Join(b.part, filepath.Dir(f.Path)))
		_ = os.Remove(filepath.Join(b.part, filepath.Dir(filepath.Dir(f.Path))))
	}
	return nil
}

func without(files []archive.File, lost []string) []archive.File {
	gone := map[string]bool{}
	for _, path := range lost {
		gone[path] = true
	}
	var left []archive.File
	for _, f := range files {
		if !gone[f.Path] {
			left = append(left, f)
		}
	}
	return left
}

// publish makes the part durable, gives it its name, and makes that durable.
func (b *backup) publish() error {
	b.Report(Progress{Stage: "waiting for the disk", Percent: 99})
	if err := settle(b.part); err != nil {
		return err
	}
	b.result.Folder = filepath.Join(b.dir, b.name)
	if err := disk.Move(b.part, b.result.Folder); err != nil {
		return err
	}
	b.result.SameDisk = SameDisk(b.Data, b.dir)
	return nil
}

// hostName returns a domain as a part of a file name, which has no colon on some systems.
func hostName(domain string) string {
	return cmp.Or(strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", r) {
			return r
		}
		return '_'
	}, domain), "channel")
}
