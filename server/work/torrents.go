package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// makeTorrents makes the torrent of each rendition that has none, and the hashes of its
// segments, one rendition after the other: a large file takes a while to read, and what is
// made is not made again. Every file has them, shared or not, so that a creator's change of
// mind needs no work.
func makeTorrents(ctx context.Context, t *task) error {
	if err := t.open(); err != nil {
		return err
	}
	var all, read int64
	for _, r := range t.media.Renditions {
		if r.Infohash == "" {
			all += r.Bytes
		}
	}
	for _, r := range t.media.Renditions {
		if r.Infohash != "" {
			continue
		}
		report := func(n int64) {
			t.report(media.Progress{Stage: "making torrents", Percent: 100 * float64(read+n) / float64(max(all, 1))})
		}
		if err := t.makeTorrent(ctx, r, report); err != nil {
			return fmt.Errorf("make the torrent of %s: %w", r.File, err)
		}
		read += r.Bytes
	}
	return nil
}

func (t *task) makeTorrent(ctx context.Context, r store.Rendition, report func(int64)) error {
	dir := t.revDir(t.job.Video, t.job.Rev)
	f, err := os.Open(filepath.Join(dir, r.File))
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := os.ReadFile(filepath.Join(dir, r.Playlist))
	if err != nil {
		return err
	}
	segments, err := playlist.Segments(list)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.Playlist, err)
	}
	torrent, hashes, err := t.hash(ctx, r, &counted{ReaderAt: f, report: report}, segments)
	if err != nil {
		return err
	}
	r.Infohash, r.Pieces = torrent.InfoHash.String(), torrent.PieceLength
	names := []string{r.TorrentFile(), r.HashesFile()}
	for i, data := range [][]byte{torrent.Encode(nil, nil), hashes} {
		name := filepath.Join(t.dir, names[i])
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a try that was killed
			return err
		}
		if err := disk.WriteFile(name, data); err != nil {
			return err
		}
	}
	return t.place(ctx, names, func(ctx context.Context) error {
		return t.store.SetTorrent(ctx, store.MediaRef{Video: t.job.Video, Rev: t.job.Rev}, r)
	})
}

// hash makes the torrent and the segments' hashes at the same time, so that the disk is read
// once: the one who is behind finds what the other has read in memory.
func (t *task) hash(ctx context.Context, r store.Rendition, f io.ReaderAt, segments []playlist.Segment) (metainfo.Torrent, []byte, error) {
	var torrent metainfo.Torrent
	var torrentErr, hashErr error
	sums := metainfo.Segments{}
	var group sync.WaitGroup
	group.Go(func() {
		torrent, torrentErr = metainfo.Build(ctx, f, r.Bytes, t.media.Duration, r.Name(), path.Ext(r.File))
	})
	group.Go(func() {
		var ranges []metainfo.Range
		for _, s := range segments {
			ranges = append(ranges, metainfo.Range{Offset: s.Offset, Size: s.Size})
		}
		hashErr = sums.Add(ctx, r.File, f, ranges)
	})
	group.Wait()
	if err := errors.Join(torrentErr, hashErr); err != nil {
		return torrent, nil, err
	}
	hashes, err := json.Marshal(sums[r.File])
	return torrent, hashes, err
}

// counted reports how far a file was read, by two readers.
type counted struct {
	io.ReaderAt
	read   atomic.Int64
	report func(int64)
}

const reportEvery = 16 << 20

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	before := c.read.Load()
	if now := c.read.Add(int64(n)); now/reportEvery != before/reportEvery {
		c.report(now / 2)
	}
	return n, err
}

// backfill queues the torrents of what was published before there were any, or by a program
// that was stopped. They come after everything else.
func (w *Worker) backfill(ctx context.Context) error {
	job := newJob(kindTorrents)
	job.Priority = -3
	return w.record(ctx, func(ctx context.Context) error { return w.store.QueueTorrents(ctx, job) })
}
