package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store/archive"
)

// readers is how many files are hashed at a time.
const readers = 2

// describe says of each file what is known about its content. What nobody knows is read.
func (b *backup) describe(ctx context.Context, files []archive.File) ([]proof.File, error) {
	root, err := os.OpenRoot(b.part)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	files = append(files, archive.File{Path: databaseName})
	list := make([]proof.File, len(files))
	var done atomic.Int64
	var telling sync.Mutex
	err = proof.Each(ctx, len(files), readers, func(i int) (err error) {
		if list[i], err = b.describeOne(ctx, root, files[i]); err != nil {
			return err
		}
		if n := done.Add(1); n%64 == 0 {
			telling.Lock()
			defer telling.Unlock()
			b.Report(Progress{Stage: "writing down what is there", Percent: 90 + 9*float64(n)/float64(len(files))})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b proof.File) int { return strings.Compare(a.Path, b.Path) })
	return list, err
}

func (b *backup) describeOne(ctx context.Context, root *os.Root, f archive.File) (proof.File, error) {
	info, err := root.Lstat(f.Path)
	if err != nil {
		return proof.File{}, err
	}
	out := proof.File{Path: f.Path, Bytes: info.Size(), Modified: info.ModTime().UTC()}
	if live, err := os.Lstat(filepath.Join(b.Data, f.Path)); err == nil && f.What != "" {
		out.Modified = live.ModTime().UTC() // the copy's may be rounded
	}
	old := b.known[f.Path]
	switch {
	case f.What == archive.Rendition && f.Infohash != "":
		out.Known, out.Infohash = proof.Torrent, f.Infohash
	case f.What == archive.Torrent:
		out.Known, out.Infohash = proof.Infohash, f.Infohash
	case f.What == archive.Source && f.SHA256 != "":
		out.Known, out.SHA256 = proof.Store, f.SHA256
	case f.What != "" && f.What != archive.Source && proof.Digest(f.Path) != "":
		out.Known = proof.Name
	case f.What != "" && old.SHA256 != "" && old.Bytes == out.Bytes && old.Modified.Equal(out.Modified):
		out.Known, out.SHA256 = proof.Earlier, old.SHA256
	default:
		out.Known = proof.Read
		file, err := root.Open(f.Path)
		if err != nil {
			return out, err
		}
		defer file.Close()
		if out.SHA256, err = proof.Sum(ctx, file, func(int64) {}); err != nil {
			return out, err
		}
	}
	return out, nil
}

// copySmall copies keys, certificates and the channel's pictures. They are rewritten in
// place by some programs, so no links are made.
func (b *backup) copySmall(ctx context.Context) ([]archive.File, error) {
	p := newPlacer(b.Data, b.part)
	p.noLink = true
	var list []archive.File
	for _, part := range folders {
		if part == "videos" {
			continue
		}
		err := filepath.WalkDir(filepath.Join(b.Data, part), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && part == "keys" && d.Type()&fs.ModeSymlink != 0 {
				// Without the keys a backup is none, and what the link leads to may not be there.
				return &PlaceError{path, "is a link: put the file itself there, so that it is in the backup"}
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel, err := filepath.Rel(b.Data, path)
			if err != nil {
				return err
			}
			if err := p.put(ctx, rel, func(int64) {}); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			} else if err == nil {
				list = append(list, archive.File{Path: filepath.ToSlash(rel)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// roomFor returns a *SpaceError when files have to be copied and there is no room for them.
func (b *backup) roomFor(files []archive.File) error {
	if SameDisk(filepath.Join(b.Data, "videos"), b.dir) {
		return nil // links, most likely; a full disk will tell
	}
	var need int64
	for _, f := range files {
		info, err := os.Lstat(filepath.Join(b.Data, f.Path))
		if err == nil && !b.same(f.Path, info) {
			need += info.Size()
		}
	}
	free, err := disk.Free(b.dir)
	if err == nil && free < need+disk.BallastSize {
		return &SpaceError{Dir: b.dir, Needed: need + disk.BallastSize, Free: free}
	}
	b.total = need
	return err
}

// SameDisk reports whether two folders are on one file system.
func SameDisk(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	two, err := os.Stat(b)
	if err != nil {
		return false
	}
	x, ok := one.Sys().(*syscall.Stat_t)
	y, ok2 := two.Sys().(*syscall.Stat_t)
	return ok && ok2 && x.Dev == y.Dev
}
