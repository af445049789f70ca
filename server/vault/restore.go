package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// RestoreConfig says what to restore, and where to.
type RestoreConfig struct {
	Data       string // the data directory: missing, empty, or with Replace a channel
	Dir        string // a backup, or a folder of backups, of which the newest is meant
	Replace    bool   // what is in Data is put aside
	Incomplete bool   // also a backup that lacks files of videos
	DryRun     bool   // only look
	Report     func(Progress)
}

// Restored is what was, or would be, restored.
type Restored struct {
	Backup   Backup
	Aside    string // where the channel that was there is now, empty when there was none
	Resumed  bool   // a restoring that was cut short was brought to its end, and nothing else
	Upgraded bool   // the database was of an older version
	Linked   int64
	Copied   int64
	Problems []Problem // files of videos that are not as they should be
	Took     time.Duration
}

// DamagedError says that a backup is not whole.
type DamagedError struct {
	Folder   string
	Problems []Problem
}

func (e *DamagedError) Error() string {
	first := e.Problems[0]
	if len(e.Problems) == 1 {
		return fmt.Sprintf("the backup %s is damaged: %s: %v", e.Folder, first.Path, first.Err)
	}
	return fmt.Sprintf("the backup %s is damaged: %s: %v, and %d more", e.Folder, first.Path, first.Err, len(e.Problems)-1)
}

const (
	staging   = ".restore"
	readyName = "ready" // in staging: everything is there and only has to be moved
	asideName = "replaced-"
)

// restoring is one restoring at work.
type restoring struct {
	RestoreConfig
	stage  string
	result Restored
}

// Restore makes a data directory from a backup. Everything is made in a folder of its own in
// Data and then moved into place, so that what is there stays untouched until nothing can go
// wrong any more. When the moving is cut short, nobody can open the channel, and the next
// Restore brings it to its end.
func Restore(ctx context.Context, cfg RestoreConfig) (Restored, error) {
	began := time.Now()
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		return Restored{}, err
	}
	cfg.Data = data
	if cfg.Report == nil {
		cfg.Report = func(Progress) {}
	}
	r := &restoring{RestoreConfig: cfg, stage: filepath.Join(data, staging)}
	if err = r.run(ctx); err != nil {
		return r.result, fmt.Errorf("restore: %w", full(data, err))
	}
	r.result.Took = time.Since(began)
	return r.result, nil
}

// CutShort reports whether a restoring in data was cut short while it moved things. Nobody
// may open a channel there before it came to its end.
func CutShort(data string) bool {
	_, err := os.Lstat(filepath.Join(data, staging, readyName))
	return err == nil
}

func (r *restoring) run(ctx context.Context) error {
	if CutShort(r.Data) {
		return r.resume()
	}
	if err := r.read(ctx); err != nil {
		return err
	}
	used, err := r.used()
	if err != nil {
		return err
	}
	if used != "" && !r.Replace {
		return store.Errorf(store.ErrExists, "%s %s", r.Data, used)
	}
	if used != "" {
		r.result.Aside = r.freshAside()
	}
	if r.DryRun {
		return r.room()
	}
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	release, err := seize(r.Data)
	if err != nil {
		return err
	}
	defer release()
	if err := r.room(); err != nil {
		return err
	}
	if err := r.build(ctx); err != nil {
		return errors.Join(err, os.RemoveAll(r.stage))
	}
	return r.install()
}

// freshAside returns a name that nothing bears, also when two restorings fall into a second
// or the clock was set back.
func (r *restoring) freshAside() string {
	stamp := filepath.Join(r.Data, asideName+time.Now().UTC().Format("20060102-150405"))
	name := stamp
	for n := 2; exists(name); n++ {
		name = fmt.Sprintf("%s-%d", stamp, n)
	}
	return name
}

// read finds the backup and looks whether it can be restored.
func (r *restoring) read(ctx context.Context) error {
	b, err := Find(r.Dir)
	if err != nil {
		return err
	}
	r.result.Backup = b
	if b.Manifest.Schema > store.Version() {
		return fmt.Errorf("%s has schema version %d, this program knows %d: %w", b.Folder, b.Manifest.Schema, store.Version(), store.ErrNewer)
	}
	r.result.Upgraded = b.Manifest.Schema < store.Version()
	return r.look(ctx)
}

// look checks the sizes of all files, and the content of those that are no videos'.
func (r *restoring) look(ctx context.Context) error {
	b := r.result.Backup
	root, err := os.OpenRoot(b.Folder)
	if err != nil {
		return err
	}
	defer root.Close()
	var vital []Problem
	for _, f := range b.Manifest.Files {
		media := strings.HasPrefix(f.Path, "videos/")
		check := func() error { return proof.Look(root, f) }
		if !media {
			check = func() error { return proof.Check(ctx, root, f, func(int64) {}) }
		}
		if err := check(); err != nil && media {
			r.result.Problems = append(r.result.Problems, Problem{f.Path, err})
		} else if err != nil {
			vital = append(vital, Problem{f.Path, err})
		}
	}
	if len(vital) > 0 {
		return &DamagedError{b.Folder, vital}
	}
	// The channel lacked these itself. Who restores is told all the same: it may be its key.
	for _, path := range b.Manifest.Missing {
		r.result.Problems = append(r.result.Problems, Problem{path, errLeftOut})
	}
	if len(r.result.Problems) > 0 && !r.Incomplete {
		return &DamagedError{b.Folder, r.result.Problems}
	}
	version, err := archive.Check(ctx, filepath.Join(b.Folder, databaseName))
	if err == nil && version != b.Manifest.Schema {
		err = fmt.Errorf("its schema is %d, not %d", version, b.Manifest.Schema)
	}
	if err != nil {
		return &DamagedError{b.Folder, []Problem{{databaseName, err}}}
	}
	return nil
}

// leftAlone is what a restoring neither counts nor moves: locks, what belongs to no channel,
// and what is made anew.
func leftAlone(name string) bool {
	return name == staging || name == "lost+found" || name == "mirror" || strings.HasSuffix(name, ".lock") ||
		strings.HasPrefix(name, asideName) || strings.HasPrefix(name, "ballast")
}

// used says what is in the data directory already, "" when nothing is.
func (r *restoring) used() (string, error) {
	entries, err := os.ReadDir(r.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Name() == "videos" && e.Type()&fs.ModeSymlink != 0 {
			return "", &PlaceError{filepath.Join(r.Data, "videos"), "is a link to another place: restore into a new data directory"}
		}
		if err := r.movable(e); err != nil {
			return "", err
		}
	}
	said := ""
	for _, e := range entries {
		if e.Name() == databaseName {
			return "holds a channel already", nil
		}
		if !leftAlone(e.Name()) {
			said = fmt.Sprintf("is not empty, it holds %q", e.Name())
		}
	}
	return said, nil
}

// movable returns a *PlaceError for a part of the data directory that is a mount point: the
// kernel lets nobody rename one, which would end a restoring when half is moved.
func (r *restoring) movable(e fs.DirEntry) error {
	path := filepath.Join(r.Data, e.Name())
	if leftAlone(e.Name()) || e.Type()&fs.ModeSymlink != 0 || !mountPoint(r.Data, path) {
		return nil
	}
	return &PlaceError{path, "is a disk or folder mounted there, which cannot be moved: unmount it (umount " + path +
		") and restore again, or restore into a data directory that is on one disk"}
}

// seize takes every lock of a data directory, so that nobody works in it.
func seize(data string) (release func(), err error) {
	var held []*disk.Lock
	release = func() {
		for _, l := range held {
			l.Release()
		}
	}
	for _, name := range []string{"serve.lock", "work.lock", "place.lock", "backup.lock"} {
		l, err := disk.TryLock(filepath.Join(data, name))
		if err != nil {
			release()
			if errors.Is(err, disk.ErrLocked) {
				return nil, store.Errorf(store.ErrExists, "tubelet is at work in %s: stop it first", data)
			}
			return nil, err
		}
		held = append(held, l)
	}
	return release, nil
}

// room returns a *SpaceError when there is no room for what has to be copied.
func (r *restoring) room() error {
	dir := r.Data
	for !exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	need := int64(2 * disk.BallastSize) // the ballast, and some room to work
	links := SameDisk(r.result.Backup.Folder, dir)
	for _, f := range r.result.Backup.Manifest.Files {
		if !links || !strings.HasPrefix(f.Path, "videos/") {
			need += f.Bytes
		}
	}
	free, err := disk.Free(dir)
	if err == nil && free < need {
		return &SpaceError{Dir: r.Data, Needed: need, Free: free}
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// build makes everything in the staging folder.
func (r *restoring) build(ctx context.Context) error {
	if err := os.RemoveAll(r.stage); err != nil {
		return err
	}
	if err := os.Mkdir(r.stage, 0o700); err != nil {
		return err
	}
	for _, part := range append(slices.Clone(folders), "work") {
		if err := os.Mkdir(filepath.Join(r.stage, part), 0o700); err != nil {
			return err
		}
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	r.Report(Progress{Stage: "looking through the database", Percent: 99})
	if err := r.database(ctx); err != nil {
		return err
	}
	if !exists(filepath.Join(r.Data, "ballast")) {
		if err := disk.MakeBallast(r.stage); err != nil {
			return err
		}
	}
	if err := settle(r.stage); err != nil {
		return err
	}
	plan, err := json.Marshal(moving{r.result.Aside, r.result.Backup.Folder})
	if err != nil {
		return err
	}
	part := filepath.Join(r.stage, readyName+".part")
	if err := disk.WriteFile(part, plan); err != nil {
		return err
	}
	return disk.Move(part, filepath.Join(r.stage, readyName))
}

// fetch brings every file of the backup.
func (r *restoring) fetch(ctx context.Context) error {
	b := r.result.Backup
	bad := map[string]bool{}
	for _, p := range r.result.Problems {
		bad[p.Path] = bad[p.Path] || !errors.Is(p.Err, errLeftOut) // as it was is better than nothing
	}
	media, rest := newPlacer(b.Folder, r.stage), newPlacer(b.Folder, r.stage)
	rest.noLink = true // these change
	var done int64
	for _, f := range b.Manifest.Files {
		if bad[f.Path] {
			continue
		}
		p := rest
		if strings.HasPrefix(f.Path, "videos/") {
			p = media
		}
		tell := func(n int64) {
			done += n
			r.Report(Progress{Stage: "bringing files", Percent: 99 * float64(done) / float64(max(1, b.Manifest.Bytes))})
		}
		if err := p.put(ctx, f.Path, tell); err != nil {
			return err
		}
		if !p.noLink {
			tell(f.Bytes)
		}
	}
	r.result.Linked, r.result.Copied = media.linked+media.cloned, media.copied+rest.copied
	return nil
}

// database upgrades the database where it has to be, and makes it fit to be served.
func (r *restoring) database(ctx context.Context) error {
	path := filepath.Join(r.stage, databaseName)
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	err = s.Archive().Restored(ctx)
	if err == nil {
		err = s.Archive().Sound(ctx)
	}
	// The last to close folds the log in: the file is moved alone.
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	if exists(path + "-wal") {
		return errors.New("the log of the database was not folded in")
	}
	// The backup itself is the copy from before the upgrade.
	return os.RemoveAll(fmt.Sprintf("%s.v%d", path, r.result.Backup.Manifest.Schema))
}
