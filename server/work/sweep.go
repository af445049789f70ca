package work

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// Orphan is something in the data directory that belongs to no row, no open job and no
// publish in progress.
type Orphan struct {
	Path  string // below the data directory
	Why   string
	Bytes int64
}

// Sweep removes every file and folder in work/, videos/ and channel/ that belongs to no row, no
// open job and no publish in progress. It never harms a running one: whoever makes a folder or
// brings a file into videos/ holds the place lock until the folder is locked or the row is
// committed, and the sweep holds it too. What it cannot remove it names in its error, after
// it has removed the rest.
func (w *Worker) Sweep(ctx context.Context) error {
	_, err := w.Orphans(ctx, true)
	return err
}

// Orphans finds what Sweep would remove, and removes it if that is wanted.
func (w *Worker) Orphans(ctx context.Context, remove bool) ([]Orphan, error) {
	var list []Orphan
	err := w.placing(ctx, func(ctx context.Context) error {
		var errs []error
		for _, find := range []func(context.Context) ([]Orphan, error){w.orphanWork, w.orphanVideos, w.orphanPictures, w.orphanRoot} {
			found, err := find(ctx)
			list, errs = append(list, found...), append(errs, err)
		}
		for _, o := range list {
			if !remove {
				break
			}
			w.log.Info(o.Why+" removed", "path", w.path(o.Path))
			errs = append(errs, os.RemoveAll(w.path(o.Path)))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return list, fmt.Errorf("sweep: %w", err)
	}
	return list, nil
}

// orphan describes what is at a path below the data directory.
func (w *Worker) orphan(path, why string) Orphan {
	o := Orphan{Path: path, Why: why}
	filepath.WalkDir(w.path(path), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			o.Bytes += info.Size()
		}
		return nil
	})
	return o
}

// entries lists a folder of the data directory that need not be there.
func (w *Worker) entries(folder string) ([]fs.DirEntry, error) {
	list, err := os.ReadDir(w.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// orphanWork finds the folders of dead processes and closed jobs.
func (w *Worker) orphanWork(ctx context.Context) (list []Orphan, err error) {
	entries, err := w.entries("work")
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	jobs, err := w.store.Jobs(ctx, store.JobList{Open: true})
	if err != nil {
		return nil, err
	}
	open := map[string]bool{}
	for _, j := range jobs {
		open["job-"+strconv.FormatInt(j.ID, 10)] = true
	}
	for _, e := range entries {
		path := filepath.Join("work", e.Name())
		if open[e.Name()] || e.IsDir() && held(w.path(path)) {
			continue
		}
		list = append(list, w.orphan(path, "left-over work"))
	}
	return list, nil
}

// held reports whether a living process holds the folder's lock, or whether that cannot be
// told.
func held(dir string) bool {
	path := filepath.Join(dir, ".lock")
	if _, err := os.Lstat(path); err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	l, err := disk.TryLock(path)
	if err != nil {
		return true
	}
	l.Release()
	return false
}

// orphanVideos finds what no row names. The rows are read first, but under the place lock
// none can be added meanwhile.
func (w *Worker) orphanVideos(ctx context.Context) (list []Orphan, err error) {
	files, err := w.store.Files(ctx)
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool, 2*len(files))
	for _, f := range files {
		for ; f != "."; f = filepath.Dir(f) {
			named[filepath.FromSlash(f)] = true
		}
	}
	root := w.path("videos")
	var errs []error
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || path == root || named[rel] {
			return err
		}
		list = append(list, w.orphan(filepath.Join("videos", rel), "file without a row"))
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	return list, errors.Join(errs...)
}

// orphanPictures finds pictures that the channel does not name: new ones that a kill came
// before, and replaced ones that it spared.
func (w *Worker) orphanPictures(ctx context.Context) (list []Orphan, err error) {
	entries, err := w.entries("channel")
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	c, err := w.store.Channel(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() != c.Avatar && e.Name() != c.Banner {
			list = append(list, w.orphan(filepath.Join("channel", e.Name()), "picture without a row"))
		}
	}
	return list, nil
}

// orphanRoot finds what a kill may have left beside the database.
func (w *Worker) orphanRoot(context.Context) (list []Orphan, err error) {
	entries, err := w.entries(".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "try-") || e.Name() == "ballast.part" {
			list = append(list, w.orphan(e.Name(), "left-over file"))
		}
	}
	return list, err
}
