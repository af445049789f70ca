package server

import (
	"context"
	"net/netip"
	"runtime/debug"
	"strings"

	"github.com/tubelet/tubelet/server/fediverse"
	"github.com/tubelet/tubelet/store"
)

// openFediverse prepares the channel's part of the fediverse.
func (s *site) openFediverse(ctx context.Context, cfg Config) (*fediverse.Fediverse, error) {
	return fediverse.New(ctx, fediverse.Config{
		Data: cfg.Data, Store: cfg.Store, Channel: s.channel, Local: cfg.Local, Version: version(),
		Prose: s.prose, Cache: s.cache, Log: cfg.Log,
		Address: s.clientAddress, Head: s.head, Render: s.render, Viewed: s.views.Add,
		Hashes: func(c store.Channel, v store.Video) string { return c.MediaURL(v, segmentHashes) },
		Refuse: func(status int, detail string) error { return &statusError{status, detail} },
	})
}

// version is that of this program, as others are told.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return strings.Trim(info.Main.Version, "()")
}

// helps reports whether friends may have this server look at their machines; see package knock.
func (s *site) helps(ctx context.Context) (bool, error) {
	value, err := s.store.Setting(ctx, "knock")
	return value == "on", err
}

// private returns the networks that may be spoken to although they are not public.
func (s *site) private(ctx context.Context) ([]netip.Prefix, error) {
	return fediverse.Networks(ctx, s.store)
}
