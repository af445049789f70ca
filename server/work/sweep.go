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

// Sweep removes every file and folder in work/, videos/ and channel/ that belongs to no row, no
// open job and no publish in progress. It never harms a running one: whoever makes a folder or
// brings a file into videos/ holds the place lock until the folder is locked or the row is
// committed, and the sweep holds it too. What it cannot remove it names in its error, after
// it has removed the rest.
func (w *Worker) Sweep(ctx context.Context) error {
	err := w.placing(ctx, func(ctx context.Context) error {
		return errors.Join(w.sweepWork(ctx), w.sweepVideos(ctx), w.sweepChannel(ctx), w.sweepRoot())
	})
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

// sweepWork removes the folders of dead processes and closed jobs.
func (w *Worker) sweepWork(ctx context.Context) error {
	entries, err := os.ReadDir(w.path("work"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	jobs, err := w.store.Jobs(ctx, store.JobList{Open: true})
	if err != nil {
		return err
	}
	open := map[string]bool{}
	for _, j := range jobs {
		open["job-"+strconv.FormatInt(j.ID, 10)] = true
	}
	var errs []error
	for _, e := range entries {
		path := w.path("work", e.Name())
		if open[e.Name()] || e.IsDir() && held(path) {
			continue
		}
		w.log.Info("left-over work removed", "path", path)
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
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

// sweepVideos removes what no row names. The rows are read first, but under the place lock
// none can be added meanwhile.
func (w *Worker) sweepVideos(ctx context.Context) error {
	files, err := w.store.Files(ctx)
	if err != nil {
		return err
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
		w.log.Info("file without a row removed", "path", path)
		errs = append(errs, os.RemoveAll(path))
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	return errors.Join(errs...)
}

// sweepChannel removes pictures that the channel does not name: new ones that a kill came
// before, and replaced ones that it spared.
func (w *Worker) sweepChannel(ctx context.Context) error {
	entries, err := os.ReadDir(w.path("channel"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := w.store.Channel(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if path := w.path("channel", e.Name()); e.Name() != c.Avatar && e.Name() != c.Banner {
			w.log.Info("picture without a row removed", "path", path)
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// sweepRoot removes what a kill may have left beside the database.
func (w *Worker) sweepRoot() error {
	entries, err := os.ReadDir(w.data)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "try-") || e.Name() == "ballast.part" {
			errs = append(errs, os.RemoveAll(w.path(e.Name())))
		}
	}
	return errors.Join(errs...)
}
