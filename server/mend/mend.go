// Package mend looks after what lies on the disk: it reads every file of a channel and says
// which have rotted, and brings back what can be brought back: from a backup, byte by byte,
// or made anew from what is left. What cannot be brought back it says plainly.
//
// It never removes a file. Whatever it puts in place was written beside its place, synced
// and renamed, as package work does; what has to be encoded becomes a job of that package.
package mend

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tubelet/tubelet/media/fmp4"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// Config says which channel is looked at.
type Config struct {
	Data   string
	Store  *store.Store
	Only   []string // ids of videos, empty for everything
	Quick  bool     // do not read the files, only look whether they are there
	Report func(stage string, percent float64)
}

// Finding is a file that is not as it should be.
type Finding struct {
	File archive.File // Path alone for what belongs to no video
	Err  error
}

// Found is what came of looking.
type Found struct {
	Findings []Finding
	Files    int
	Bytes    int64 // that were read
	Took     time.Duration
}

const readers = 2

// Verify looks at every file and reads it. It stands back for all other work.
func Verify(ctx context.Context, cfg Config) (Found, error) {
	began := time.Now()
	l := &look{Config: cfg}
	if err := l.run(ctx); err != nil {
		return Found{}, fmt.Errorf("verify the channel: %w", err)
	}
	slices.SortFunc(l.found, func(a, b Finding) int { return strings.Compare(a.File.Path, b.File.Path) })
	return Found{Findings: l.found, Files: len(l.files), Bytes: l.read, Took: time.Since(began)}, nil
}

// look is one round of looking.
type look struct {
	Config
	files []archive.File
	bytes int64 // of all films

	mu    sync.Mutex
	found []Finding
	read  int64
	done  int
}

func (l *look) run(ctx context.Context) error {
	root, err := openData(l.Data)
	if err != nil {
		return err
	}
	defer root.Close()
	all, err := l.Store.Archive().Files(ctx)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Serves && (len(l.Only) == 0 || slices.Contains(l.Only, f.Video)) {
			l.files = append(l.files, f)
			l.bytes += f.Bytes
		}
	}
	err = proof.Each(ctx, len(l.files), readers, func(i int) error {
		err := l.one(ctx, root, l.files[i])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.tell(l.files[i], err)
		return nil
	})
	if err != nil || len(l.Only) > 0 {
		return err
	}
	return l.rest(ctx, root)
}

// openData opens a data directory, which may be named by a link.
func openData(data string) (*os.Root, error) {
	real, err := filepath.EvalSymlinks(data)
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(real)
}

func (l *look) tell(f archive.File, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
	if err != nil {
		l.found = append(l.found, Finding{f, err})
	}
	l.report()
}

func (l *look) progress(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read += n
	l.report()
}

func (l *look) report() {
	if l.Report == nil {
		return
	}
	percent := 100 * float64(l.done) / float64(max(1, len(l.files)))
	if !l.Quick && l.bytes > 0 {
		percent = min(100, 100*float64(l.read)/float64(l.bytes))
	}
	l.Report("reading", percent)
}

// one looks at one file of a video.
func (l *look) one(ctx context.Context, root *os.Root, f archive.File) error {
	info, err := root.Lstat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return proof.ErrMissing
	}
	if err != nil {
		return err
	}
	known := proof.File{Path: f.Path, Bytes: info.Size(), Known: proof.Size}
	if f.Bytes > 0 {
		known.Bytes = f.Bytes
	}
	if l.Quick {
		return proof.Look(root, known)
	}
	switch f.What {
	case archive.Rendition:
		return l.film(ctx, root, f, known)
	case archive.Torrent:
		known.Known, known.Infohash = proof.Infohash, f.Infohash
	case archive.Source:
		if f.SHA256 != "" {
			known.Known, known.SHA256 = proof.Store, f.SHA256
		}
	case archive.Playlist, archive.Hashes:
		if err := proof.Look(root, known); err != nil {
			return err
		}
		return checkText(root, f)
	default:
		if proof.Digest(f.Path) != "" {
			known.Known = proof.Name
		}
	}
	return proof.Check(ctx, root, known, l.progress)
}

// film reads a rendition. Where its torrent is gone, one is made to compare with the row.
func (l *look) film(ctx context.Context, root *os.Root, f archive.File, known proof.File) error {
	if f.Infohash == "" {
		return proof.Look(root, known)
	}
	known.Known, known.Infohash = proof.Torrent, f.Infohash
	err := proof.Check(ctx, root, known, l.progress)
	if _, gone := errors.AsType[*proof.NoTorrentError](err); !gone {
		return err
	}
	m, err := l.Store.MediaRev(ctx, f.Video, f.Rev)
	if err != nil {
		return err
	}
	t, err := torrentOf(ctx, root, f, m.Duration)
	if err != nil {
		return err
	}
	if t.InfoHash.String() != f.Infohash {
		return fmt.Errorf("%w: its pieces are not those that were shared", proof.ErrRotten)
	}
	return nil
}

// torrentOf makes the torrent of a rendition anew.
func torrentOf(ctx context.Context, root *os.Root, f archive.File, length time.Duration) (metainfo.Torrent, error) {
	film, err := root.Open(f.Path)
	if err != nil {
		return metainfo.Torrent{}, err
	}
	defer film.Close()
	name := filepath.Base(f.Path)
	ext := filepath.Ext(name)
	return metainfo.Build(ctx, film, f.Bytes, length, strings.TrimSuffix(name, ext), ext)
}

// besides returns the path of what lies beside a rendition.
func besides(path, ext string) string {
	for _, known := range []string{".hashes.json", ".m3u8", ".torrent", ".mp4"} {
		if stem, ok := strings.CutSuffix(path, known); ok {
			return stem + ext
		}
	}
	return path
}

// checkText checks a playlist, or the hashes of the segments that it names.
func checkText(root *os.Root, f archive.File) error {
	text, err := root.ReadFile(besides(f.Path, ".m3u8"))
	if err != nil {
		return err
	}
	film, err := root.Lstat(besides(f.Path, ".mp4"))
	if err != nil {
		return nil // told of the film
	}
	segments, err := playlist.Segments(text)
	if err != nil || len(segments) == 0 {
		return fmt.Errorf("%w: it names no segments", proof.ErrRotten)
	}
	at := segments[0].Offset
	for _, s := range segments {
		if s.Offset != at {
			return fmt.Errorf("%w: a segment begins at %d, not %d", proof.ErrRotten, s.Offset, at)
		}
		at += s.Size
	}
	if at != film.Size() {
		return fmt.Errorf("%w: its segments end at %d of %d bytes", proof.ErrRotten, at, film.Size())
	}
	if f.What == archive.Hashes {
		return checkHashes(root, f, segments)
	}
	return nil
}

func checkHashes(root *os.Root, f archive.File, segments []playlist.Segment) error {
	text, err := root.ReadFile(f.Path)
	if err != nil {
		return err
	}
	var hashes map[string]string
	if err := json.Unmarshal(text, &hashes); err != nil {
		return fmt.Errorf("%w: %w", proof.ErrRotten, err)
	}
	for _, s := range segments {
		if len(hashes[fmt.Sprintf("%d-%d", s.Offset, s.Offset+s.Size-1)]) != 64 {
			return fmt.Errorf("%w: it lacks the segment at %d", proof.ErrRotten, s.Offset)
		}
	}
	return nil
}

// rest looks at what belongs to no video.
func (l *look) rest(ctx context.Context, root *os.Root) error {
	say := func(path string, err error) {
		if err != nil {
			l.found = append(l.found, Finding{archive.File{Path: path}, err})
		}
	}
	c, err := l.Store.Channel(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{c.Avatar, c.Banner} {
		if name != "" {
			say("channel/"+name, l.picture(ctx, root, "channel/"+name))
		}
	}
	text, err := root.ReadFile("keys/actor.pem")
	if errors.Is(err, fs.ErrNotExist) {
		err = proof.ErrMissing
	} else if block, _ := pem.Decode(text); err == nil && block == nil {
		err = proof.ErrRotten
	}
	say("keys/actor.pem", err)
	say("tubelet.db", l.Store.Archive().Sound(ctx))
	return ctx.Err()
}

func (l *look) picture(ctx context.Context, root *os.Root, path string) error {
	info, err := root.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return proof.ErrMissing
	}
	if err != nil || l.Quick || proof.Digest(path) == "" {
		return err
	}
	return proof.Check(ctx, root, proof.File{Path: path, Bytes: info.Size(), Known: proof.Name}, l.progress)
}

// playlistOf writes the playlist of a rendition anew.
func playlistOf(root *os.Root, f archive.File) ([]byte, error) {
	name := besides(f.Path, ".mp4")
	film, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer film.Close()
	info, err := film.Stat()
	if err != nil {
		return nil, err
	}
	scanned, err := fmp4.Scan(film, info.Size())
	if err != nil {
		return nil, err
	}
	return fmp4.Playlist(scanned, filepath.Base(name)), nil
}
