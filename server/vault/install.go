package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tubelet/tubelet/server/work/disk"
)

// moving is what a restoring that is ready to move things writes down for whoever has to
// bring it to its end.
type moving struct {
	Aside  string `json:"aside"`
	Folder string `json:"folder"`
}

// resume brings a restoring to its end that was cut short.
func (r *restoring) resume() error {
	text, err := os.ReadFile(filepath.Join(r.stage, readyName))
	if err != nil {
		return err
	}
	var m moving
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("read what a restoring was about to do: %w", err)
	}
	if m.Aside != "" && (filepath.Dir(m.Aside) != r.Data || !strings.HasPrefix(filepath.Base(m.Aside), asideName)) {
		// The data directory was moved meanwhile.
		m.Aside = filepath.Join(r.Data, filepath.Base(m.Aside))
	}
	r.result.Aside, r.result.Resumed = m.Aside, true
	r.result.Backup.Folder = m.Folder
	if manifest, err := readManifest(m.Folder); err == nil {
		r.result.Backup.Manifest = manifest
	}
	if r.DryRun {
		return nil
	}
	release, err := seize(r.Data)
	if err != nil {
		return err
	}
	defer release()
	return r.install()
}

// install moves what is there aside and what was made into its place. Each step can be
// taken again: what is in the staging folder is not in place yet, and what stands in its
// way is not aside yet.
func (r *restoring) install() error {
	if err := r.moveAside(); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.stage)
	if err != nil {
		return err
	}
	// The database comes last.
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return last(a.Name()) - last(b.Name()) })
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), readyName) {
			continue
		}
		if err := os.Rename(filepath.Join(r.stage, e.Name()), filepath.Join(r.Data, e.Name())); err != nil {
			return fmt.Errorf("move %s into place: %w", e.Name(), err)
		}
	}
	// The names must be durable before the marker goes.
	if err := errors.Join(disk.Sync(r.stage), disk.Sync(r.Data)); err != nil {
		return err
	}
	if err := os.Chmod(r.Data, 0o700); err != nil {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(r.stage, readyName)), os.RemoveAll(r.stage), disk.Sync(r.Data))
}

func last(name string) int {
	if name == databaseName {
		return 1
	}
	return 0
}

// moveAside moves the old parts aside for which the staging folder still holds a new one,
// and everything of the old database.
func (r *restoring) moveAside() error {
	if r.result.Aside == "" {
		return nil
	}
	if err := os.MkdirAll(r.result.Aside, 0o700); err != nil {
		return err
	}
	if !exists(filepath.Join(r.stage, databaseName)) {
		return nil // all is in place
	}
	entries, err := os.ReadDir(r.Data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		part := slices.Contains(folders, name) || name == "work" || name == "cache"
		if !part && !strings.HasPrefix(name, databaseName) || part && name != "cache" && !exists(filepath.Join(r.stage, name)) {
			continue
		}
		to := filepath.Join(r.result.Aside, name)
		if exists(to) {
			return fmt.Errorf("%s is there already: move it away and restore again", to)
		}
		if err := os.Rename(filepath.Join(r.Data, name), to); err != nil {
			return fmt.Errorf("put %s aside: %w", name, err)
		}
	}
	return errors.Join(disk.Sync(r.result.Aside), disk.Sync(r.Data))
}
