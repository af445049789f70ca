// Package share joins what shares videos with the channel: it tells the tracker, the
// scheduler and the seed which videos there are, passes media bytes through the upload
// budget, obeys the settings while it runs, and keeps count.
//
//	page ── socket ──▶ tracker ──▶ coordinator ──▶ budget ◀── files that are sent (gate.go)
//	torrent programs ─▶ tracker, seed ──────────────▶ ┘
//
// Only listed videos that are not switched off are ever found here. While nobody watches it
// does nothing but look for a commit once a second.
package share

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

// Config is what New needs.
type Config struct {
	Data    string // the data directory
	Store   *store.Store
	Videos  *os.Root                             // data/videos
	Version func(context.Context) (int64, error) // of the content; it is asked often
	Channel store.Channel

	Own     func(origin string) bool       // whether a page is ours
	Address func(*http.Request) netip.Addr // of a client

	// Seed starts the seed's process. Nil means that there is no seed and no STUN.
	Seed func(context.Context) *exec.Cmd
	// Local means that only this machine is served.
	Local bool

	Log *slog.Logger
}

// Share is the sharing of one channel.
type Share struct {
	cfg      Config
	budget   *budget.Budget
	swarm    *swarm.Coordinator
	tracker  *tracker.Tracker
	index    *index
	starts   *starts
	seeder   *seeder
	traffic  *traffic
	watching *watching

	mu      sync.Mutex
	version int64 // of the data when the settings were read
	changes int64 // see Changes
	short   bool
	since   time.Time       // when short changed
	mirrors map[string]bool // seen, and written down
	month   time.Time       // whose bytes the budget was told
}

// New reads what was sent before and the settings. It opens nothing.
func New(ctx context.Context, cfg Config) (*Share, error) {
	now := time.Now()
	_, month, err := cfg.Store.Traffic(ctx, now)
	if err != nil {
		return nil, err
	}
	s := &Share{cfg: cfg, starts: newStarts(), version: -1, mirrors: map[string]bool{}}
	s.budget = budget.New(budget.Config{Used: budget.Used{Month: now, Bytes: sent(month)}})
	s.swarm = swarm.New(s.budget)
	s.index = newIndex(cfg)
	s.seeder = newSeeder(cfg, s.index, s.budget)
	s.tracker = tracker.New(tracker.Config{
		Find: s.index.find, Answer: s.seeder.answer, Seeds: s.seeder.seeds, Coordinator: s.swarm,
		Hint: func(tracker.Swarm) (bool, int) { return s.Short(), pages.ShortHeight }, OwnOrigin: cfg.Own, Address: cfg.Address, MirrorAllowed: s.mirror, Log: cfg.Log,
	})
	s.traffic = newTraffic(cfg.Store, s.budget, s.tracker)
	s.watching = &watching{share: s}
	if err := s.Limit(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// heedEvery is how soon a changed setting is taken over.
const heedEvery = time.Second

// Run shares until ctx ends. port is that of the pages; see the setting seed.port.
func (s *Share) Run(ctx context.Context, port uint16) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	var failed error
	group.Go(func() { failed = s.tracker.Run(ctx); cancel() })
	tick := time.NewTicker(heedEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := s.look(ctx, port); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("settings of sharing not taken over", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	s.seeder.stop()
	group.Wait()
	if errors.Is(failed, context.Canceled) {
		failed = nil
	}
	return failed
}

// Flush stores the counts of the last minute.
func (s *Share) Flush(ctx context.Context) error { return s.traffic.flush(ctx, time.Now()) }

// look does what is due each second: what a commit may have changed, the counts of the last
// minute, and the figures for whoever watches them.
func (s *Share) look(ctx context.Context, port uint16) error {
	now := time.Now()
	version, err := s.cfg.Store.DataVersion(ctx)
	if err != nil {
		return err
	}
	if version != s.version {
		if err := errors.Join(s.Limit(ctx), s.heedSeed(ctx, port), s.watching.heed(ctx)); err != nil {
			return err
		}
		s.version = version
	}
	s.shortage(now)
	if err := s.recall(ctx, now); err != nil {
		return err
	}
	if s.traffic.due(now) {
		err = errors.Join(s.traffic.flush(ctx, now), s.seeMirrors(ctx))
	}
	return errors.Join(err, s.watching.tell(ctx, now))
}

// recall tells the budget what the database has when another month begins, or the clock was
// set: the count of a month that is only half over must not begin anew.
func (s *Share) recall(ctx context.Context, now time.Time) error {
	first := s.budget.Counts().Month.Month
	if first.Equal(s.month) {
		return nil
	}
	if err := s.traffic.flush(ctx, now); err != nil {
		return err
	}
	_, month, err := s.cfg.Store.Traffic(ctx, now)
	if err == nil {
		s.budget.Recall(budget.Used{Month: now, Bytes: sent(month)})
		s.month = first
	}
	return err
}

// heedSeed takes over what is set about the seed. Pages name its port while it is open.
func (s *Share) heedSeed(ctx context.Context, port uint16) error {
	changed, err := s.seeder.heed(ctx, port)
	if changed {
		s.mu.Lock()
		s.changes++
		s.mu.Unlock()
	}
	return err
}

// Limit takes over the limits of the upload, as Run does after each commit.
func (s *Share) Limit(ctx context.Context) error {
	rate, month, err := Limits(ctx, s.cfg.Store)
	if err == nil {
		s.budget.Set(rate, month)
	}
	return err
}

// calm is how long the line must be free, or full, before pages say so: a page that changes
// is made anew.
const calm = 10 * time.Second

// shortage takes notice of a line that is full, and of one that is free again.
func (s *Share) shortage(now time.Time) {
	short := s.budget.Short()
	s.mu.Lock()
	defer s.mu.Unlock()
	if short == s.short || now.Sub(s.since) < calm {
		return
	}
	s.short, s.since = short, now
	s.changes++
}

// Short says that the upload is in short supply, and a new viewer should start lower.
func (s *Share) Short() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.short
}

// Changes is a number that differs from the one before when something changed that pages
// show and no commit tells of.
func (s *Share) Changes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// Socket, Announce and Scrape are the tracker's addresses.
func (s *Share) Socket(w http.ResponseWriter, r *http.Request) { s.tracker.Socket(w, r) }

// Announce answers torrent programs.
func (s *Share) Announce(w http.ResponseWriter, r *http.Request) { s.tracker.Announce(w, r) }

// Scrape answers torrent programs.
func (s *Share) Scrape(w http.ResponseWriter, r *http.Request) { s.tracker.Scrape(w, r) }

// Crowd is tracker.Tracker.Crowd.
func (s *Share) Crowd(w http.ResponseWriter, r *http.Request) { s.tracker.Crowd(w, r) }

// Player returns what the player of v has to know to share it, nil when it is not shared.
func (s *Share) Player(ctx context.Context, c store.Channel, v store.Video) (*pages.Swarm, error) {
	p2p, err := s.cfg.Store.Setting(ctx, "p2p")
	if err != nil {
		return nil, err
	}
	return player(c, v, p2p, s.seeder.stun(c)), nil
}
