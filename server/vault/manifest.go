package vault

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/store"
)

const (
	manifestName = "manifest.json"
	databaseName = "tubelet.db"
	format       = 1
	maxManifest  = 1 << 30 // bytes, of some million files
)

// Manifest says what a backup holds. It is written last.
type Manifest struct {
	Format  int       `json:"format"`
	Number  int       `json:"number"` // grows from backup to backup, whatever the clock says
	Made    time.Time `json:"made"`
	Program string    `json:"program"`
	Schema  int       `json:"schema"` // of the database
	Domain  string    `json:"domain"`
	Handle  string    `json:"handle"`
	Name    string    `json:"name"`

	Identity string   `json:"identity,omitempty"` // checksum of the public key, "" when there was none
	Missing  []string `json:"missing,omitempty"`  // files that the channel lacked when it was made

	Bytes int64        `json:"bytes"` // of all files
	Files []proof.File `json:"files"`
}

// Backup is a backup that was found.
type Backup struct {
	Folder   string // its path
	Manifest Manifest
}

// BadError says why a folder cannot be taken for a backup. It is store.ErrInvalid.
type BadError struct {
	Folder string
	Err    error
}

func (e *BadError) Error() string { return fmt.Sprintf("%s is no whole backup: %v", e.Folder, e.Err) }

// Unwrap returns what is wrong with it.
func (e *BadError) Unwrap() error { return e.Err }

// parseManifest reads a manifest. What it says is checked, since it says which files are
// read and written: a disk that went through many hands may say anything.
func parseManifest(text []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", manifestName, err)
	}
	if m.Format < 1 {
		return m, fmt.Errorf("%s is not that of a backup", manifestName)
	}
	if m.Format != format {
		return m, fmt.Errorf("%s has format %d, this program knows %d: %w", manifestName, m.Format, format, store.ErrNewer)
	}
	seen := make(map[string]bool, len(m.Files))
	for _, f := range m.Files {
		if !plain(f.Path) || f.Bytes < 0 || seen[f.Path] {
			return m, fmt.Errorf("%s names a file %q of %d bytes", manifestName, f.Path, f.Bytes)
		}
		seen[f.Path] = true
	}
	if !seen[databaseName] || m.Schema < 1 {
		return m, fmt.Errorf("%s names no database", manifestName)
	}
	return m, nil
}

// plain reports whether name is a path below a backup that is written in one way only.
func plain(name string) bool {
	return filepath.IsLocal(name) && path.Clean(name) == name && !strings.ContainsAny(name, "\\\x00") &&
		(name == databaseName || slices.Contains(folders, strings.Split(name, "/")[0]) && strings.Contains(name, "/"))
}

// folders are the parts of a channel that are folders. All else in a data directory is made
// anew, or belongs to others.
var folders = []string{"keys", "tls", "channel", "videos"}

// readManifest reads the manifest of the backup in folder.
func readManifest(folder string) (Manifest, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Manifest{}, err
	}
	defer root.Close()
	if info, err := root.Lstat(manifestName); err != nil || !info.Mode().IsRegular() || info.Size() > maxManifest {
		return Manifest{}, errors.Join(err, errors.New("it has no "+manifestName))
	}
	f, err := root.Open(manifestName)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return Manifest{}, err
	}
	return parseManifest(text)
}

// program names this program.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "tubelet"
	}
	return "tubelet " + cmp.Or(info.Main.Version, "(devel)")
}

// encode writes a manifest with one file a line, so that two can be compared.
func (m Manifest) encode() ([]byte, error) {
	files := m.Files
	m.Files = []proof.File{}
	head, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(head, []byte("[]\n}")))
	b.WriteByte('[')
	for i, f := range files {
		line, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(line)
	}
	b.WriteString("\n ]\n}\n")
	return b.Bytes(), nil
}

// Find returns the backup that dir is, or the newest one that it holds.
func Find(dir string) (Backup, error) {
	if _, err := os.Lstat(filepath.Join(dir, manifestName)); err == nil {
		m, err := readManifest(dir)
		if err != nil {
			return Backup{}, &BadError{dir, err}
		}
		return Backup{dir, m}, nil
	}
	list, bad, err := scan(dir)
	if err != nil {
		return Backup{}, err
	}
	if len(bad) > 0 {
		return Backup{}, fmt.Errorf("it may be the newest here, so name the folder of the backup that you mean: %w", bad[0])
	}
	if len(list) == 0 {
		return Backup{}, store.Errorf(store.ErrNotFound, "there is no backup in %s", dir)
	}
	newest := slices.MaxFunc(list, func(a, b Backup) int { return a.Manifest.Made.Compare(b.Manifest.Made) })
	for _, b := range list {
		if b.Manifest.Domain != newest.Manifest.Domain {
			return Backup{}, store.Errorf(store.ErrInvalid, "%s holds backups of %s and of %s: name the folder of one backup",
				dir, b.Manifest.Domain, newest.Manifest.Domain)
		}
		if b.Manifest.Handle == newest.Manifest.Handle && b.Manifest.Identity != newest.Manifest.Identity {
			return Backup{}, store.Errorf(store.ErrInvalid,
				"%s holds backups of two channels that both bear the name @%s@%s: %s has %s and %s has %s. Name the folder of one backup",
				dir, newest.Manifest.Handle, newest.Manifest.Domain, filepath.Base(b.Folder), b.Manifest.key(),
				filepath.Base(newest.Folder), newest.Manifest.key())
		}
	}
	return list[len(list)-1], nil
}

// key names the channel's key in a sentence.
func (m Manifest) key() string {
	if m.Identity == "" {
		return "no key that is known"
	}
	return "the key " + m.Identity[:min(12, len(m.Identity))]
}

// List returns the backups in dir, the newest last. Whatever else is there is passed over.
func List(dir string) ([]Backup, error) {
	list, _, err := scan(dir)
	return list, err
}

// scan returns the backups in dir, the newest last, and what looks like one that cannot be read.
func scan(dir string) (list []Backup, bad []error, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("look for backups: %w", err)
	}
	for _, e := range entries {
		// A link is not ours, wherever it leads to.
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		folder := filepath.Join(dir, e.Name())
		if m, err := readManifest(folder); err == nil {
			list = append(list, Backup{folder, m})
		} else if !absent(filepath.Join(folder, manifestName)) || !absent(filepath.Join(folder, databaseName)) {
			bad = append(bad, &BadError{folder, err})
		}
	}
	slices.SortStableFunc(list, func(a, b Backup) int { return a.Manifest.Number - b.Manifest.Number })
	return list, bad, nil
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
