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

	mu      sync.Mutex // of what follows; never held while something is read
	version int64
	p2p     string // the setting
	known   map[metainfo.Hash]found
	before  map[metainfo.Hash]found // known of the version before
	rooms   map[string]*swarm.Media // by path of the file; files never change

	// The names that p2p-media-loader makes of our playlists: many, and seldom asked for, so
	// they are computed for all videos when an unknown one comes.
	loader    map[metainfo.Hash]tracker.Swarm
	loaderAt  int64 // version
	computed  time.Time
	computing sync.Mutex // held by who computes
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
		f = x.last(h)
	}
	return f.swarm, f.ok
}

// last returns what was last found. While the database can't be asked, a disk being busy, the
// tracker would else take all videos to be gone and end their swarms.
func (x *index) last(h metainfo.Hash) found {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f, ok := x.known[h]; ok {
		return f
	}
	return x.before[h]
}

func (x *index) search(ctx context.Context, h metainfo.Hash) (found, error) {
	version, p2p, err := x.current(ctx)
	if err != nil {
		return found{}, err
	}
	x.mu.Lock()
	f, ok := x.known[h]
	x.mu.Unlock()
	if ok {
		return f, nil
	}
	f, final, err := x.look(ctx, version, p2p, h)
	if err == nil && final {
		x.keep(version, h, f)
	}
	return f, err
}

// current returns the version of the data and the setting p2p, and forgets what a commit may
// have changed.
func (x *index) current(ctx context.Context) (version int64, p2p string, err error) {
	if version, err = x.cfg.Version(ctx); err != nil {
		return 0, "", err
	}
	x.mu.Lock()
	known, p2p := x.version, x.p2p
	x.mu.Unlock()
	if version == known {
		return version, p2p, nil
	}
	if p2p, err = x.cfg.Store.Setting(ctx, "p2p"); err != nil {
		return 0, "", err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.version != version {
		x.before, x.known = x.known, map[metainfo.Hash]found{}
	}
	x.version, x.p2p = version, p2p
	return version, p2p, nil
}

// keep remembers what was found, unless the data has changed meanwhile.
func (x *index) keep(version int64, h metainfo.Hash, f found) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.version != version {
		return
	}
	if len(x.known) >= knownSize {
		clear(x.known) // strangers can ask for as many as they like
	}
	x.known[h] = f
}

// look asks the database. final says that the answer holds for this version of the data.
func (x *index) look(ctx context.Context, version int64, p2p string, h metainfo.Hash) (f found, final bool, err error) {
	v, r, err := x.video(ctx, p2p, h)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s, ok, final, err := x.byLoader(ctx, version, p2p, h)
		return found{s, ok}, final, err
	case err != nil:
		return found{}, false, err
	}
	room, err := x.room(v, r)
	if err != nil {
		return found{}, false, err
	}
	return found{tracker.Swarm{Video: v.ID, Rendition: r.Name(), Size: r.Bytes, Room: room}, true}, true, nil
}

// video finds the rendition of an infohash that is shared, else store.ErrNotFound.
func (x *index) video(ctx context.Context, p2p string, h metainfo.Hash) (store.Video, store.Rendition, error) {
	v, err := x.cfg.Store.VideoOf(ctx, h.String())
	if err != nil {
		return v, store.Rendition{}, err
	}
	if offer.Mode(p2p, v) != offer.Off {
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
	x.mu.Lock()
	m, ok := x.rooms[name]
	x.mu.Unlock()
	if ok {
		return m, nil
	}
	list, err := x.segments(name)
	if err != nil {
		return nil, err
	}
	m = &swarm.Media{Size: r.Bytes, PieceLength: r.Pieces}
	for _, s := range list {
		m.Segments = append(m.Segments, swarm.Segment(s))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if other, ok := x.rooms[name]; ok { // who was faster has given it to others
		return other, nil
	}
	if len(x.rooms) >= roomsSize {
		clear(x.rooms)
	}
	x.rooms[name] = m
	return m, nil
}

func (x *index) segments(name string) ([]playlist.Segment, error) {
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
	return list, nil
}

// byLoader looks for a name that p2p-media-loader computes. final says that the answer holds
// for this version of the data. Who comes while the names are computed hears what was known.
func (x *index) byLoader(ctx context.Context, version int64, p2p string, h metainfo.Hash) (s tracker.Swarm, ok, final bool, err error) {
	x.mu.Lock()
	due := x.loaderAt != version && time.Since(x.computed) >= loaderWait
	x.mu.Unlock()
	if due && x.computing.TryLock() {
		err := x.compute(ctx, version, p2p)
		x.computing.Unlock()
		if err != nil {
			return s, false, false, err
		}
	}
	x.mu.Lock()
	s, ok = x.loader[h]
	final = x.loaderAt == version
	x.mu.Unlock()
	if !ok || final {
		return s, ok, final, nil
	}
	// The video may have been hidden since.
	v, err := x.cfg.Store.Video(ctx, s.Video)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, false, false, err
	}
	return s, offer.Mode(p2p, v) != offer.Off, false, nil
}

// compute names all renditions of all videos as p2p-media-loader does.
func (x *index) compute(ctx context.Context, version int64, p2p string) error {
	list, _, err := x.cfg.Store.Videos(ctx, store.List{})
	if err != nil {
		return err
	}
	channel, err := x.cfg.Store.Channel(ctx)
	if err != nil {
		return err
	}
	names := map[metainfo.Hash]tracker.Swarm{}
	for _, v := range list {
		if offer.Mode(p2p, v) != offer.Off {
			nameOne(names, channel, v)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loader, x.loaderAt, x.computed = names, version, time.Now()
	return nil
}

func nameOne(names map[metainfo.Hash]tracker.Swarm, c store.Channel, v store.Video) {
	named := map[string]tracker.Swarm{}
	for _, r := range v.Media.Renditions {
		s := tracker.Swarm{Video: v.ID, Rendition: r.Name(), Size: r.Bytes}
		named[r.Playlist] = s
		for _, h := range metainfo.VideoLoaderHashes(v.UUID, r.Height) {
			names[h] = s
		}
	}
	master := playlist.Master(v.Media, cmp.Or(v.Language, c.Language))
	for _, l := range metainfo.LoaderSwarms(c.MediaURL(v, "master.m3u8"), master) {
		if s, ok := named[l.Playlist]; ok {
			names[l.Hash] = s
		}
	}
}

// share is peer.Config.Lookup: the torrent as it lies beside the file.
func (x *index) share(ctx context.Context, h metainfo.Hash) (peer.Share, error) {
	_, p2p, err := x.current(ctx)
	if err != nil {
		return peer.Share{}, err
	}
	v, r, err := x.video(ctx, p2p, h)
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
