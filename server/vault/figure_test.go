//go:build bench

package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

// TestFigureBackup backs up a channel of 1,000 videos, 100 GB in sparse files, on the same
// file system, while the server answers and rows are written, and restores it. Asked: at
// most 1 % more disk, 10 s, no write held up for more than a second, requests served
// throughout, and at most 5 s from the restoring to the first page.
func TestFigureBackup(t *testing.T) {
	const videos = 1000
	c := newChannel(t)
	library(t, c, videos)
	url, stop := serveChannel(t, c.data, c.store)
	idle := underLoad(t, c, url, func() { time.Sleep(5 * time.Second) })
	dir := filepath.Join(t.TempDir(), "backups")
	for _, name := range []string{"first", "second"} {
		var r vault.Result
		load := underLoad(t, c, url, func() { r = c.backup(dir, nil) })
		disk := occupied(t, r.Folder)
		t.Logf("%s backup of %d files, %.1f GB: %.2f s (asked: at most 10); %.1f MB more disk, %.3f %% (asked: at most 1)",
			name, r.Files, float64(r.Bytes)/1e9, r.Took.Seconds(), float64(disk)/1e6, 100*float64(disk)/float64(r.Bytes))
		t.Logf("meanwhile %d pages and ranges, %d failed, slowest %v; %d commits, slowest %v (asked: at most 1 s); idle: slowest page %v, commit %v",
			len(load.requests), load.failed, slowest(load.requests), len(load.commits), slowest(load.commits), slowest(idle.requests), slowest(idle.commits))
	}
	stop()
	began := time.Now()
	data := filepath.Join(t.TempDir(), "data")
	r, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	restored := time.Since(began)
	n := openChannel(t, data)
	url, stop = serveChannel(t, data, n.store)
	defer stop()
	if _, err := fetch(url + "/"); err != nil {
		t.Fatal(err)
	}
	t.Logf("restored in %v, %d bytes copied, first page after %v (asked: at most 5 s plus copying)", restored, r.Copied, time.Since(began))
}

// library publishes sparse videos: their torrents are all the same, and everything small is
// made of bytes of its own.
func library(t *testing.T, c *channel, videos int) {
	t.Helper()
	noise := rand.NewChaCha8([32]byte{1})
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		noise.Read(b)
		return b
	}
	sizes := map[int]int64{720: 80e6, 360: 20e6}
	torrents := map[int]metainfo.Torrent{}
	for height, size := range sizes {
		f, err := os.Create(filepath.Join(t.TempDir(), "film"))
		if err == nil {
			err = f.Truncate(size)
		}
		if err == nil {
			torrents[height], err = metainfo.Build(t.Context(), f, size, 10*time.Minute, fmt.Sprintf("%dp", height), ".mp4")
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	for i := range videos {
		v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: fmt.Sprint("Video ", i), Visibility: store.Public}}
		folder := filepath.Join("videos", v.ID, "1")
		v.Media = store.Media{Rev: 1, State: store.Done, Duration: 10 * time.Minute, HasVideo: true}
		for _, height := range []int{720, 360} {
			name, torrent := fmt.Sprintf("%dp", height), torrents[height]
			v.Media.Renditions = append(v.Media.Renditions, store.Rendition{Height: height, File: name + ".mp4", Playlist: name + ".m3u8",
				Bytes: sizes[height], Infohash: torrent.InfoHash.String(), Pieces: torrent.PieceLength, PixHeight: height, Width: height * 16 / 9})
			c.write(filepath.Join(folder, name+".mp4"), nil)
			if err := os.Truncate(filepath.Join(c.data, folder, name+".mp4"), sizes[height]); err != nil {
				t.Fatal(err)
			}
			c.write(filepath.Join(folder, name+".m3u8"), bytesOf(12<<10))
			c.write(filepath.Join(folder, name+".hashes.json"), bytesOf(14<<10))
			c.write(filepath.Join(folder, name+".torrent"), torrent.Encode(nil, nil))
		}
		for _, f := range []struct {
			into      *string
			stem, ext string
			size      int
		}{{&v.Media.Poster, "poster", ".jpg", 90 << 10}, {&v.Media.Thumb, "thumb", ".jpg", 20 << 10}, {&v.Media.Storyboard.File, "storyboard", ".jpg", 150 << 10}, {&v.Media.Storyboard.VTT, "storyboard", ".vtt", 8 << 10}} {
			text := bytesOf(f.size)
			*f.into = named(f.stem, f.ext, text)
			c.write(filepath.Join(folder, *f.into), text)
		}
		if err := c.store.CreateVideo(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

func serveChannel(t *testing.T, data string, s *store.Store) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{Data: data, Store: s, Media: media.New(media.Config{}), Local: true, Listen: "127.0.0.1:0",
			Ready: func(addr string) { ready <- addr }})
	}()
	select {
	case addr := <-ready:
		return "http://" + addr, func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	case err := <-ended:
		t.Fatal(err)
		return "", nil
	}
}

// load is what happened while something else was done.
type load struct {
	requests, commits []time.Duration
	failed            int
}

// underLoad does something while pages and ranges are asked for, and rows are written by the
// server's own store and by one of another process.
func underLoad(t *testing.T, c *channel, url string, do func()) load {
	t.Helper()
	var l load
	list, _, err := c.store.Videos(t.Context(), store.List{Audience: store.Everyone, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	other := openChannel(t, c.data)
	defer other.store.Close()
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var mu sync.Mutex
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			v := list[i%len(list)]
			began := time.Now()
			_, err := fetch(url + []string{"/", "/w/" + v.ID, "/media/" + v.ID + "/1/360p.mp4"}[i%3])
			mu.Lock()
			l.requests = append(l.requests, time.Since(began))
			if err != nil {
				l.failed++
			}
			mu.Unlock()
			time.Sleep(5 * time.Millisecond)
		}
	})
	for _, s := range []*store.Store{c.store, other.store} {
		group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				began := time.Now()
				if err := s.AddViews(context.Background(), map[string]int64{list[i%len(list)].ID: 1}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				l.commits = append(l.commits, time.Since(began))
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	do()
	stop()
	group.Wait()
	return l
}

// fetch asks for a page, or the first bytes of a file.
func fetch(url string) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(url) == ".mp4" {
		r.Header.Set("Range", "bytes=0-65535")
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s: %s", url, a.Status, bytes.TrimSpace(body))
	}
	return body, err
}

func slowest(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return slices.Max(list).Round(100 * time.Microsecond)
}

// occupied returns the disk that a backup takes by itself: folders, and files that have no
// other name.
func occupied(t *testing.T, folder string) int64 {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat := info.Sys().(*syscall.Stat_t); d.IsDir() || stat.Nlink == 1 {
			sum += stat.Blocks * 512
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
