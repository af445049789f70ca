package work

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/media"
)

const (
	copyChunk  = 8 << 20
	spoolCheck = 16 << 20 // bytes between two looks at the free space
)

// spool stores a stream in the ingest's folder, hashed on the way.
func (g *ingest) spool(ctx context.Context, p Publish) error {
	if p.Stdin == nil {
		return &InputError{What: "file", Err: errors.New("none was given: name one, or - for standard input")}
	}
	g.name, g.path, g.stdin = p.Name, filepath.Join(g.dir, "spool"), true
	f, err := os.OpenFile(g.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	err = errors.Join(g.drain(ctx, p.Stdin, io.MultiWriter(f, h)), f.Close())
	if err != nil {
		return g.spaceError(err)
	}
	g.hash = knownHash(hex.EncodeToString(h.Sum(nil)))
	return nil
}

// drain copies in to out. A read from a pipe cannot be interrupted, so it happens in a
// goroutine of its own, which ends at the latest when the pipe does.
func (g *ingest) drain(ctx context.Context, in io.Reader, out io.Writer) error {
	type piece struct {
		data []byte
		err  error
	}
	pieces, free := make(chan piece), make(chan []byte, 2)
	free <- make([]byte, 1<<20)
	free <- make([]byte, 1<<20)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			var buf []byte
			select {
			case buf = <-free:
			case <-ctx.Done():
				return
			}
			n, err := io.ReadFull(in, buf)
			select {
			case pieces <- piece{buf[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	var total, checked int64
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p := <-pieces:
			if _, err := out.Write(p.data); err != nil {
				return err
			}
			total += int64(len(p.data))
			if errors.Is(p.err, io.EOF) || errors.Is(p.err, io.ErrUnexpectedEOF) {
				return nil
			}
			if p.err != nil {
				return fmt.Errorf("read standard input: %w", p.err)
			}
			if total-checked >= spoolCheck {
				checked = total
				if err := g.w.room(0); err != nil {
					return err
				}
				g.progress("receiving " + size(total))(media.Progress{})
			}
			free <- p.data[:cap(p.data)]
		}
	}
}

// storeSource puts the original into dir and returns its name there.
func (g *ingest) storeSource(ctx context.Context, dir string) (string, error) {
	name := g.sourceName()
	to := filepath.Join(dir, name)
	if g.stdin {
		return name, os.Rename(g.path, to)
	}
	if err := copyFile(ctx, g.path, to, g.src.Bytes, g.progress("storing the original")); err != nil {
		return "", fmt.Errorf("store the original: %w", err)
	}
	return name, nil
}

// copyFile copies within the kernel where it can, sharing the blocks where the file system can.
func copyFile(ctx context.Context, from, to string, bytes int64, report func(media.Progress)) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	var total int64
	for err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var n int64
		n, err = io.CopyN(out, in, copyChunk)
		total += n
		if bytes > 0 {
			report(media.Progress{Percent: 100 * float64(total) / float64(bytes)})
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, out.Close())
}

// hashing is a checksum being made while the same file is read for something else, so that
// the disk is read once: whoever comes second finds the bytes in memory.
type hashing struct {
	done   chan struct{}
	cancel context.CancelFunc
	sum    string
	err    error
}

func startHash(ctx context.Context, path string) *hashing {
	ctx, cancel := context.WithCancel(ctx)
	h := &hashing{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(h.done)
		h.sum, h.err = hashFile(ctx, path)
	}()
	return h
}

// knownHash is a hashing that has ended.
func knownHash(sum string) *hashing {
	h := &hashing{done: make(chan struct{}), cancel: func() {}, sum: sum}
	close(h.done)
	return h
}

// wait returns the checksum when it is there.
func (h *hashing) wait() (string, error) {
	<-h.done
	return h.sum, h.err
}

// stop ends the reading.
func (h *hashing) stop() {
	h.cancel()
	<-h.done
}

// hashFile returns the SHA-256 of a file.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
	}
}
