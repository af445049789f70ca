package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// placer brings files of one folder into another: by a hard link, where that cannot be by
// sharing the blocks, else by copying. What a file system could not do once it is not asked
// again.
type placer struct {
	from, to string
	noLink   bool
	noClone  bool

	// before returns the same file in an earlier backup, "" when there is none: another file
	// system then holds each file once however many backups there are.
	before func(path string, info fs.FileInfo) string

	made                   map[string]bool // folders
	linked, cloned, copied int64
}

func newPlacer(from, to string) *placer {
	return &placer{from: from, to: to, before: func(string, fs.FileInfo) string { return "" }, made: map[string]bool{}}
}

// CopyFile makes a durable copy of a file that shares its blocks where the file system can,
// and never its name: who changes the copy does not change the original.
func CopyFile(ctx context.Context, from, to string, wrote func(int64)) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no plain file", from)
	}
	return newPlacer("", "").copy(ctx, from, to, info, wrote)
}

// put places one file. One that is there already stays. wrote is told bytes as they are copied.
func (p *placer) put(ctx context.Context, path string, wrote func(int64)) error {
	from, to := filepath.Join(p.from, path), filepath.Join(p.to, path)
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no plain file", from)
	}
	if err := p.folder(filepath.Dir(to)); err != nil {
		return err
	}
	if done, err := p.link(from, to, info.Size()); done || err != nil {
		return err
	}
	if old := p.before(path, info); old != "" {
		if err := os.Link(old, to); err == nil || errors.Is(err, fs.ErrExist) {
			p.linked += info.Size()
			return nil
		}
	}
	return p.copy(ctx, from, to, info, wrote)
}

func (p *placer) folder(dir string) error {
	if p.made[dir] {
		return nil
	}
	p.made[dir] = true
	return os.MkdirAll(dir, 0o700)
}

// link reports whether to is a link to from now.
func (p *placer) link(from, to string, size int64) (bool, error) {
	if p.noLink {
		return false, nil
	}
	err := os.Link(from, to)
	switch {
	case err == nil:
		p.linked += size
		return true, nil
	case errors.Is(err, fs.ErrExist):
		return true, nil
	case errors.Is(err, unix.EMLINK): // this file has too many
		return false, nil
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EACCES):
		p.noLink = true
		return false, nil
	}
	return false, err
}

// copy makes a durable copy with the time of the original.
func (p *placer) copy(ctx context.Context, from, to string, info fs.FileInfo, wrote func(int64)) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !p.noClone && clone(out, in) == nil {
		p.cloned += info.Size()
	} else {
		p.noClone = true
		err = stream(ctx, out, in, wrote)
		p.copied += info.Size()
	}
	// Some file systems keep no such times: then the next backup copies again.
	_ = os.Chtimes(to, time.Time{}, info.ModTime())
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", from, err), os.Remove(to))
	}
	return nil
}

const copyChunk = 8 << 20

// stream copies in pieces, so that it ends when ctx does.
func stream(ctx context.Context, out io.Writer, in io.Reader, wrote func(int64)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(out, in, copyChunk)
		wrote(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
