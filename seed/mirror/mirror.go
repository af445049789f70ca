// Package mirror lets a friend's machine carry a part of a channel's load: it follows the
// channel's feed, fetches its videos, checks every piece, and gives them to viewers over
// WebRTC, TCP and uTP. Viewers check every piece again, so a mirror need not be trusted.
//
//	feed ─▶ plan (what fits, what is rare) ─▶ fetch (other mirrors, web seed) ─▶ shelf
//	home's tracker ◀── one socket: what is on the shelf ──▶ offers ─▶ seed/peer
//
// It needs no channel and no database. Everything it knows lies in plain files in its folder:
//
//	mirror.json           who it is, its limits, the channels it follows
//	status.json           what became of the last look at each, written by Run
//	run.lock              held by Run
//	files/<infohash>.json .torrent .mp4   one rendition; .part while it is being fetched
//
// Commands change mirror.json; Run, in whatever process, notices within a second.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
)

// ErrRunning says that another process runs this mirror.
var ErrRunning = errors.New("this mirror runs already")

// ErrUnknown says that a channel is not mirrored here.
var ErrUnknown = errors.New("this channel is not mirrored here")

// Config is what a Mirror needs. Only Dir must be set.
type Config struct {
	Dir    string
	Client *http.Client  // for everything that is fetched; nil makes one
	Every  time.Duration // between two looks at a feed; 0 means ten minutes

	// Of the seed, as in peer.Config. Without Command there is none: the mirror fetches
	// and keeps, and seeds nothing.
	Conn      *net.UDPConn
	Command   func(ctx context.Context) *exec.Cmd
	Listen    string
	PublicIPs func() []netip.Addr

	Log *slog.Logger // nil discards
}

// Mirror is one folder of mirrored files.
type Mirror struct {
	cfg    Config
	log    *slog.Logger
	client *http.Client
	book   book
	shelf  *shelf
	budget *budget.Budget
	seed   *peer.Seed // nil without Command

	// Of the rounds, which come one after the other.
	known   map[string]File             // by address of the torrent
	checked map[metainfo.Hash]time.Time // when it was last seen to be public

	mu      sync.Mutex
	homes   map[string]*home // by base, while Run runs
	status  map[string]Status
	doubts  map[metainfo.Hash]bool // files that a tracker says it does not know
	hurried bool                   // the next round should not wait
}

// New opens the folder, which is made if need be.
func New(cfg Config) (*Mirror, error) {
	m := &Mirror{
		cfg: cfg, log: cfg.Log, client: cfg.Client, book: book{filepath.Join(cfg.Dir, "mirror.json")},
		homes: map[string]*home{}, status: map[string]Status{}, doubts: map[metainfo.Hash]bool{},
		known: map[string]File{}, checked: map[metainfo.Hash]time.Time{}, budget: budget.New(budget.Config{}),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.cfg.Every == 0 {
		m.cfg.Every = 10 * time.Minute
	}
	if m.client == nil {
		m.client = careful()
	}
	m.client = sameHost(m.client)
	files := filepath.Join(cfg.Dir, "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return nil, fmt.Errorf("make the mirror's folder: %w", err)
	}
	var err error
	if m.shelf, err = openShelf(files); err != nil {
		return nil, err
	}
	if cfg.Command != nil {
		m.seed = peer.New(peer.Config{
			Conn: cfg.Conn, Command: cfg.Command, Lookup: m.lookup, Hashes: m.shelf.hashes, Spend: m.spend,
			Listen: cfg.Listen, PublicIPs: cfg.PublicIPs, Log: m.log,
		})
	}
	return m, nil
}

// Run mirrors until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	unlock, err := m.lock()
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	var seedErr error
	if m.seed != nil {
		work.Go(func() { seedErr = m.seed.Run(ctx); cancel() })
	}
	err = m.follow(ctx, &work)
	cancel()
	work.Wait()
	return errors.Join(err, seedErr)
}

// lock makes sure that one process at a time writes the files.
func (m *Mirror) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(m.cfg.Dir, "run.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the mirror's folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, ErrRunning
	}
	return func() { _ = f.Close() }, nil
}

// follow keeps a home for each channel in the book, and looks at the feeds when it is time
// or the book has changed. What is being fetched then goes on where it was.
func (m *Mirror) follow(ctx context.Context, work *sync.WaitGroup) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var seen, due time.Time // of the book, of the next round
	var round *errand
	defer func() { round.stop() }()
	for {
		changed := m.book.changed()
		if changed.IsZero() || changed != seen || round.over() && m.due(due) {
			round.stop()
			n, err := m.book.read()
			if err != nil {
				return err
			}
			seen, due = m.book.changed(), time.Now().Add(m.cfg.Every)
			m.budget.Set(n.Rate, 0)
			m.heed(ctx, n, work)
			round = start(ctx, func(ctx context.Context) {
				if err := m.round(ctx, n); err != nil && ctx.Err() == nil {
					m.log.Warn("round not finished", "err", err)
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// errand is something under way. A nil one is over.
type errand struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func start(ctx context.Context, do func(context.Context)) *errand {
	ctx, cancel := context.WithCancel(ctx)
	e := &errand{cancel, make(chan struct{})}
	go func() {
		defer close(e.done)
		do(ctx)
	}()
	return e
}

// stop ends the errand and waits for it.
func (e *errand) stop() {
	if e != nil {
		e.cancel()
		<-e.done
	}
}

func (e *errand) over() bool {
	if e == nil {
		return true
	}
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// due reports whether a round is due, by time or because a tracker gave cause.
func (m *Mirror) due(at time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	hurried := m.hurried
	m.hurried = false
	return hurried || time.Now().After(at)
}

// doubt notes that a tracker does not know a file of ours.
func (m *Mirror) doubt(h metainfo.Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shelf.has(h) && !m.doubts[h] {
		m.doubts[h], m.hurried = true, true
	}
}

// doubted reports, once, whether a tracker did not know a file.
func (m *Mirror) doubted(h metainfo.Hash) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	doubted := m.doubts[h]
	delete(m.doubts, h)
	return doubted
}

// heed opens and ends the sockets to the homes of the channels, and drops the files of
// those that were removed.
func (m *Mirror) heed(ctx context.Context, n notes, work *sync.WaitGroup) {
	wanted := map[string]bool{}
	for _, c := range n.Channels {
		wanted[c.Base] = true
		m.mu.Lock()
		if m.homes[c.Base] == nil {
			ctx, cancel := context.WithCancel(ctx)
			h := newHome(m, c.Base, n, cancel)
			m.homes[c.Base] = h
			work.Go(func() { h.run(ctx) })
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	for base, h := range m.homes {
		if !wanted[base] {
			h.end()
			delete(m.homes, base)
			delete(m.status, base)
		}
	}
	m.mu.Unlock()
	for _, f := range m.shelf.list() {
		if !wanted[f.Base] {
			m.drop(f, "its channel is no longer mirrored")
		}
	}
}

// drop deletes a file and tells its home.
func (m *Mirror) drop(f File, why string) {
	if err := m.shelf.remove(f.hash); err != nil {
		m.log.Warn("file not deleted", "infohash", f.hash, "err", err)
		return
	}
	m.log.Info("file deleted", "video", f.Title, "infohash", f.hash, "why", why)
	m.news(f.Base)
}

// news tells a home that the shelf has changed.
func (m *Mirror) news(base string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.homes[base]; h != nil {
		h.wake()
	}
}

// lookup is peer.Config.Lookup.
func (m *Mirror) lookup(_ context.Context, h metainfo.Hash) (peer.Share, error) {
	return m.shelf.share(h)
}

// spend is peer.Config.Spend: everything that leaves a mirror is equally urgent.
func (m *Mirror) spend(ctx context.Context, way string, n int64) error {
	c := budget.Claim{Way: budget.WebRTC, Class: budget.Bulk}
	if way != "webrtc" {
		c.Way = budget.TCP
	}
	return m.budget.Take(ctx, c, int(n))
}

// Sent returns the bytes that the seed has given away, by way, since New.
func (m *Mirror) Sent() map[string]int64 {
	if m.seed == nil {
		return nil
	}
	return m.seed.Stats().Sent
}
