package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/store"
)

const (
	knownSize  = 4096             // infohashes remembered, found or not
	roomsSize  = 64               // renditions whose segments are remembered: those being watched
	loaderWait = 10 * time.Second // between two looks at all videos for an unknown name
	listBytes  = 2 << 20          // of a playlist; that of nine hours takes a quarter
	askTime    = 5 * time.Second  // for the database
)

// index finds videos by infohash. What it tells holds for the version of the data.
type index struct {
	cfg Config

	mu      sync.Mutex
	version int64
	p2p     string // the setting
	known   map[metainfo.Hash]found
	rooms   map[string]*swarm.Media // by path of the file; files never change

	// The names that p2p-media-loader makes of our playlists: many, and seldom asked for, so
	// they are computed for all videos when an unknown one comes.
	loader   map[metainfo.Hash]tracker.Swarm
	loaderAt int64 // version
	computed time.Time
}

// found is what became of a search; ok is false for what is not ours to share.
type found struct {
	swarm tracker.Swarm
	ok    bool
}

func newIndex(cfg Config) *index {
	return &index{cfg: cfg, version: -1, loaderAt: -1, known: map[metainfo.Hash]found{}, rooms: map[string]*swarm.Media{}}
}

// find is tracker.Config.Find.
func (x *index) find(h metainfo.Hash) (tracker.Swarm, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	f, err := x.search(ctx, h)
	if err != nil {
		x.cfg.Log.Warn("swarm not looked up", "err", err)
		return tracker.Swarm{}, false
	}
	return f.swarm, f.ok
}

func (x *index) search(ctx context.Context, h metainfo.Hash) (found, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.refresh(ctx); err != nil {
		return found{}, err
	}
	if f, ok := x.known[h]; ok {
		return f, nil
	}
	if len(x.known) >= knownSize {
		clear(x.known) // strangers can ask for as many as they like
	}
	v, r, err := x.video(ctx, h)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s, ok, final, err := x.byLoader(ctx, h)
		if err != nil || !final {
			return found{s, ok}, err
		}
		x.known[h] = found{s, ok}
	case err != nil:
		return found{}, err
	default:
		room, err := x.room(v, r)
		if err != nil {
			return found{}, err
		}
		x.known[h] = found{tracker.Swarm{Video: v.ID, Rendition: r.Name(), Size: r.Bytes, Room: room}, true}
	}
	return x.known[h], nil
}

// refresh forgets what a commit may have changed.
func (x *index) refresh(ctx context.Context) error {
	version, err := x.cfg.Version(ctx)
	if err != nil || version == x.version {
		return err
	}
	if x.p2p, err = x.cfg.Store.Setting(ctx, "p2p"); err != nil {
		return err
	}
	clear(x.known)
	x.version = version
	return nil
}

// video finds the rendition of an infohash that is shared, else store.ErrNotFound.
func (x *index) video(ctx context.Context, h metainfo.Hash) (store.Video, store.Rendition, error) {
	v, err := x.cfg.Store.VideoOf(ctx, h.String())
	if err != nil {
		return v, store.Rendition{}, err
	}
	if offer.Mode(x.p2p, v) != offer.Off {
		for _, r := range v.Media.Renditions {
			if r.Infohash == h.String() {
				return v, r, nil
			}
		}
	}
	return v, store.Rendition{}, store.ErrNotFound
}

// room returns the segments of a rendition, as the scheduler wants them.
func (x *index) room(v store.Video, r store.Rendition) (*swarm.Media, error) {
	name := path.Join(v.ID, strconv.Itoa(v.Media.Rev), r.Playlist)
	if m, ok := x.rooms[name]; ok {
		return m, nil
	}
	f, err := x.cfg.Videos.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open playlist: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, listBytes))
	if err != nil {
		return nil, fmt.Errorf("read playlist %s: %w", name, err)
	}
	list, err := playlist.Segments(text)
	if err != nil {
		return nil, fmt.Errorf("read playlist %s: %w", name, err)
	}
	m := &swarm.Media{Size: r.Bytes, PieceLength: r.Pieces}
	for _, s := range list {
		m.Segments = append(m.Segments, swarm.Segment(s))
	}
	if len(x.rooms) >= roomsSize {
		clear(x.rooms)
	}
	x.rooms[name] = m
	return m, nil
}

// byLoader looks for a name that p2p-media-loader computes. final says that the answer holds
// for this version of the data.
func (x *index) byLoader(ctx context.Context, h metainfo.Hash) (s tracker.Swarm, ok, final bool, err error) {
	if x.loaderAt != x.version && time.Since(x.computed) >= loaderWait {
		if err := x.compute(ctx); err != nil {
			return s, false, false, err
		}
	}
	s, ok = x.loader[h]
	if !ok || x.loaderAt == x.version {
		return s, ok, x.loaderAt == x.version, nil
	}
	// The video may have been hidden since.
	v, err := x.cfg.Store.Video(ctx, s.Video)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, false, false, err
	}
	return s, offer.Mode(x.p2p, v) != offer.Off, false, nil
}

// compute names all renditions of all videos as p2p-media-loader does.
func (x *index) compute(ctx context.Context) error {
	list, _, err := x.cfg.Store.Videos(ctx, store.List{})
	if err != nil {
		return err
	}
	channel, err := x.cfg.Store.Channel(ctx)
	if err != nil {
		return err
	}
	x.loader = map[metainfo.Hash]tracker.Swarm{}
	for _, v := range list {
		if offer.Mode(x.p2p, v) != offer.Off {
			x.computeOne(channel, v)
		}
	}
	x.loaderAt, x.computed = x.version, time.Now()
	return nil
}

func (x *index) computeOne(c store.Channel, v store.Video) {
	named := map[string]tracker.Swarm{}
	for _, r := range v.Media.Renditions {
		s := tracker.Swarm{Video: v.ID, Rendition: r.Name(), Size: r.Bytes}
		named[r.Playlist] = s
		for _, h := range metainfo.VideoLoaderHashes(v.UUID, r.Height) {
			x.loader[h] = s
		}
	}
	master := playlist.Master(v.Media, cmp.Or(v.Language, c.Language))
	for _, l := range metainfo.LoaderSwarms(c.MediaURL(v, "master.m3u8"), master) {
		if s, ok := named[l.Playlist]; ok {
			x.loader[l.Hash] = s
		}
	}
}

// share is peer.Config.Lookup: the torrent as it lies beside the file.
func (x *index) share(ctx context.Context, h metainfo.Hash) (peer.Share, error) {
	x.mu.Lock()
	err := x.refresh(ctx)
	p2p := x.p2p
	x.mu.Unlock()
	if err != nil {
		return peer.Share{}, err
	}
	v, r, err := (&index{cfg: x.cfg, p2p: p2p}).video(ctx, h)
	if err != nil {
		return peer.Share{}, err
	}
	t, err := ReadTorrent(x.cfg.Videos, v, r)
	if err != nil {
		return peer.Share{}, err
	}
	return peer.Share{Torrent: t, Path: path.Join(x.cfg.Data, "videos", v.ID, strconv.Itoa(v.Media.Rev), r.File)}, nil
}

// hashes is peer.Config.Hashes.
func (x *index) hashes() []metainfo.Hash {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	p2p, err := x.cfg.Store.Setting(ctx, "p2p")
	if err != nil {
		return nil
	}
	texts, err := x.cfg.Store.Infohashes(ctx, p2p)
	if err != nil {
		x.cfg.Log.Warn("torrents not listed", "err", err)
		return nil
	}
	var list []metainfo.Hash
	for _, text := range texts {
		if h, err := metainfo.ParseHash(text); err == nil {
			list = append(list, h)
		}
	}
	return list
}
