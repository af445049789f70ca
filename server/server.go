// Package server runs a channel and shows it: it listens, serves pages, files and
// feeds, counts views, and runs the work loop that joins the rest. It holds no state
// but caches; what it shows, it reads from the store, so every command that changes
// the store is seen on the next request.
//
// A request passes the gate (host, headers, deadlines; gate.go), finds its handler in
// one table (routes.go) and is answered from the page cache, from the files of a video
// (media.go), or by a handler that asks the store and renders a page.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/front"
	"github.com/tubelet/tubelet/server/health"
	"github.com/tubelet/tubelet/server/notify"
	"github.com/tubelet/tubelet/server/systemd"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// RunningError means that another server serves the same data directory. It is
// store.ErrExists.
type RunningError struct{ Data string }

func (e *RunningError) Error() string { return "another tubelet server runs on " + e.Data }

// Is makes errors.Is(err, store.ErrExists) true.
func (e *RunningError) Is(target error) bool { return target == store.ErrExists }

// Config is what Run needs.
type Config struct {
	Data  string       // the data directory
	Store *store.Store // open, and left open
	Media *media.Maker

	// Listen is the address to listen on. Empty means the channel's own: with Local the
	// host and port of its domain where that is an address of this machine, else
	// 127.0.0.1:8080; without Local the setting "listen".
	Listen string

	// Local means plain HTTP for this machine, whatever the channel's domain: beside the
	// domain, the names of the loopback interface are answered. Without it the settings say
	// whether TLS is ours or a proxy's in front; see package front.
	Local bool

	Manager *systemd.Manager // who started us, nil for nobody
	Reload  <-chan os.Signal // each makes the server read certificates and settings again; may be nil

	// Seed makes the process that gives videos to torrent programs; see package seed/peer.
	// Nil means that there is none, nor STUN.
	Seed func(context.Context) *exec.Cmd

	Ready func(addr string) // called once with the address, when requests are taken
	Log   *slog.Logger      // nil discards
	Level *slog.LevelVar    // of Log, set as the setting log_level says; nil leaves it
}

const flushTime = 2 * time.Second // for the last views

// Run serves until ctx ends, and returns after its last goroutine. It stops in two
// phases: no request and no job is begun any more, and those in flight may finish; what
// takes longer is cut off, so that all is over within ten seconds.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	lock, err := disk.TryLock(health.Lock(cfg.Data))
	if errors.Is(err, disk.ErrLocked) {
		return &RunningError{cfg.Data}
	}
	if err != nil {
		return fmt.Errorf("take the server's lock: %w", err)
	}
	defer lock.Release()
	site, err := newSite(ctx, cfg)
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	defer site.close()
	main, redirect := cfg.Manager.Sockets()
	door, err := front.Open(ctx, front.Config{Data: cfg.Data, Store: cfg.Store, Channel: site.channel, Local: cfg.Local,
		Listen: cfg.Listen, Main: main, Redirect: redirect, Log: cfg.Log})
	if err != nil {
		return err
	}
	site.secure = door.Secure()
	if err := errors.Join(site.trust(ctx), health.Announce(cfg.Data, door.Addr(), door.Secure())); err != nil {
		return errors.Join(err, door.Close())
	}
	if cfg.Ready != nil {
		cfg.Ready(door.Addr())
	}
	return site.live(ctx, cfg, door)
}

// live runs everything that lives as long as the server does. The first that fails
// ends the others.
func (s *site) live(ctx context.Context, cfg Config, door *front.Front) error {
	worker := work.New(work.Config{Data: cfg.Data, Store: cfg.Store, Media: cfg.Media, Log: cfg.Log, Tune: cfg.heed})
	lives := []struct {
		name string
		run  func(context.Context) error
	}{
		{"answer requests", func(ctx context.Context) error { return door.Serve(ctx, s.handler()) }},
		{"keep the certificate", door.Keep},
		{"speak with systemd", func(ctx context.Context) error { return s.attend(ctx, cfg, door) }},
		{"be reached at home", func(ctx context.Context) error { return s.reach(ctx, door) }},
		{"show figures", func(ctx context.Context) error { return s.showFigures(ctx, cfg) }},
		{"do the work", worker.Run},
		{"store views", s.views.Run},
		{"share videos", func(ctx context.Context) error { return s.share.Run(ctx, door.Port()) }},
		{"speak to the fediverse", s.fed.Run},
		{"give memory back", s.rest},
		{"heed settings", func(ctx context.Context) error { return s.heedChanges(ctx, cfg) }},
		{"maintain the store", s.maintain},
		{"heed the clock", s.heedClock},
		{"tell the creator", (&notify.Watcher{Data: cfg.Data, Store: cfg.Store, Log: cfg.Log}).Run},
		{"keep backups", (&vault.Keeper{Data: cfg.Data, Store: cfg.Store, Log: cfg.Log}).Run},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	failed := make([]error, len(lives)+2)
	for i, life := range lives {
		wg.Go(func() {
			if err := life.run(ctx); err != nil && ctx.Err() == nil {
				failed[i] = fmt.Errorf("%s: %w", life.name, err)
				cancel(failed[i])
			}
		})
	}
	wg.Wait()
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer stop()
	if err := s.views.Flush(last); err != nil {
		failed[len(lives)] = fmt.Errorf("store the last views: %w", err)
	}
	if err := s.share.Flush(last); err != nil {
		failed[len(lives)+1] = fmt.Errorf("store the last counts: %w", err)
	}
	return errors.Join(failed...)
}
