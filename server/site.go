package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tubelet/tubelet/assets"
	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/fediverse"
	"github.com/tubelet/tubelet/server/health"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/server/preview"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/server/share"
	"github.com/tubelet/tubelet/server/views"
	"github.com/tubelet/tubelet/store"
)

// What the finished pages kept in memory may take.
const (
	cacheBytes    = 4 << 20
	progressBytes = 1 << 20
)

// site is the channel as it is shown: what the handlers work with.
type site struct {
	channel store.Channel // as it was at the start, for what never changes of it
	local   bool
	secure  bool // HTTPS is ours

	proxies atomic.Pointer[[]netip.Prefix] // whose word about a visitor's address is believed

	store    *store.Store
	pages    *pages.Pages
	prose    *prose.Writer
	keys     preview.Keys
	cache    *cache.Cache
	progress *cache.Cache // of what shows the progress of jobs
	views    *views.Counter
	share    *share.Share
	fed      *fediverse.Fediverse
	catalog  *catalog
	searches chan struct{} // holds one for each search that runs
	videos   *os.Root      // data/videos
	picture  *os.Root      // data/channel
	health   *health.Health
	log      *slog.Logger

	requests atomic.Int64 // so far
}

// newSite opens what the handlers need. A mistake in a template or an asset shows here
// and not at the first visitor.
func newSite(ctx context.Context, cfg Config) (*site, error) {
	s := &site{
		local: cfg.Local, store: cfg.Store, health: health.New(cfg.Data, cfg.Store), log: cfg.Log,
		views:    views.New(cfg.Store.AddViews, cfg.Log),
		progress: cache.New(cache.Config{Version: cfg.Store.DataVersion, Bytes: progressBytes}),
		searches: make(chan struct{}, searchesAtOnce),
	}
	s.prose = prose.New()
	s.cache = cache.New(cache.Config{Version: s.version, Bytes: cacheBytes})
	s.catalog = &catalog{load: cfg.Store.Video, version: s.cache.Version}
	var err error
	if s.channel, err = cfg.Store.Channel(ctx); err != nil {
		return nil, err
	}
	if err = assets.Check(); err != nil {
		return nil, err
	}
	if s.pages, err = pages.New(pages.Config{Asset: assets.Path, Prose: s.prose}); err != nil {
		return nil, err
	}
	if s.keys, err = preview.Ensure(cfg.Data); err != nil {
		return nil, err
	}
	if s.videos, err = openRoot(cfg.Data, "videos"); err != nil {
		return nil, err
	}
	if s.picture, err = openRoot(cfg.Data, "channel"); err != nil {
		s.videos.Close()
		return nil, err
	}
	if err := s.openShare(ctx, cfg); err != nil {
		s.close()
		return nil, err
	}
	if s.fed, err = s.openFediverse(ctx, cfg); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) close() {
	s.videos.Close()
	s.picture.Close()
	if s.fed != nil {
		s.fed.Close()
	}
}

// openRoot opens a folder of the data directory such that nothing outside of it can be
// reached through it, and makes it when it is not there.
func openRoot(data, name string) (*os.Root, error) {
	dir := filepath.Join(data, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w", err)
	}
	return root, nil
}
