package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// Problem is something wrong with a file.
type Problem struct {
	Path string
	Err  error
}

// Verified is what came of checking a backup.
type Verified struct {
	Backup   Backup
	Problems []Problem
	Read     int64 // bytes
	Took     time.Duration
}

// Verify checks the backup in dir, or the newest one there: that every file is there, of its
// size and, unless quick, with its content, that the database is sound, and that the two
// fit. It writes nothing.
func Verify(ctx context.Context, dir string, quick bool, report func(Progress)) (Verified, error) {
	began := time.Now()
	b, err := Find(dir)
	if err != nil {
		return Verified{}, fmt.Errorf("verify a backup: %w", err)
	}
	v := Verified{Backup: b}
	c := &checker{manifest: b.Manifest, quick: quick, report: report}
	if err := c.run(ctx, b.Folder); err != nil {
		return v, fmt.Errorf("verify the backup %s: %w", b.Folder, err)
	}
	if err := c.database(ctx, b.Folder); err != nil {
		return v, fmt.Errorf("verify the backup %s: %w", b.Folder, err)
	}
	c.leftOut()
	v.Problems, v.Read, v.Took = c.problems, c.read, time.Since(began)
	return v, nil
}

// checker looks at all files of a manifest.
type checker struct {
	manifest Manifest
	quick    bool
	report   func(Progress)

	mu       sync.Mutex
	problems []Problem
	read     int64
	done     int
}

func (c *checker) run(ctx context.Context, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	files := c.manifest.Files
	return proof.Each(ctx, len(files), readers, func(i int) error {
		check := func() error { return proof.Check(ctx, root, files[i], c.progress) }
		if c.quick {
			check = func() error { return proof.Look(root, files[i]) }
		}
		err := check()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.mu.Lock()
		c.done++
		if err != nil {
			c.problems = append(c.problems, Problem{files[i].Path, err})
		}
		c.mu.Unlock()
		c.progress(0)
		return nil
	})
}

// progress counts bytes that were read.
func (c *checker) progress(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read += n
	percent := 100 * float64(c.done) / float64(max(1, len(c.manifest.Files)))
	if !c.quick && c.manifest.Bytes > 0 {
		percent = min(100, 100*float64(c.read)/float64(c.manifest.Bytes))
	}
	if c.report != nil {
		c.report(Progress{Stage: "checking", Percent: percent})
	}
}

// database checks the database and holds it against the manifest.
func (c *checker) database(ctx context.Context, folder string) error {
	path := filepath.Join(folder, databaseName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil // told already
	}
	version, err := archive.Check(ctx, path)
	if err == nil && version != c.manifest.Schema {
		err = fmt.Errorf("its schema is %d, not %d", version, c.manifest.Schema)
	}
	if err != nil && ctx.Err() == nil {
		c.problems = append(c.problems, Problem{databaseName, err})
	}
	if err != nil || version != store.Version() {
		return ctx.Err() // what an older one names is known after its upgrade
	}
	db, err := store.Inspect(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	files, err := db.Archive().Files(ctx)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, f := range c.manifest.Files {
		have[f.Path] = true
	}
	for _, f := range files {
		if !have[f.Path] {
			c.problems = append(c.problems, Problem{f.Path, errLeftOut})
		}
	}
	return nil
}

var errLeftOut = errors.New("it was missing or not whole when the backup was made")

// leftOut adds what the channel itself lacked, as far as it was not found.
func (c *checker) leftOut() {
	for _, path := range c.manifest.Missing {
		if !slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Path == path }) {
			c.problems = append(c.problems, Problem{path, errLeftOut})
		}
	}
}
