// Package tracker introduces those who watch or seed the same rendition to each other.
//
// It speaks the WebTorrent protocol over a WebSocket (webtorrent.js and p2p-media-loader
// know it), announce and scrape over HTTP (BEP 3, 7, 23, 48), and on the same WebSocket the
// messages by which our own page, mirrors and the scheduler in seed/swarm coordinate
// (message.go lists them). It serves only infohashes that Find knows, believes no address
// that a peer claims, keeps addresses out of its figures and its log, and bounds everything
// that a stranger can make it keep or send (limits.go).
//
// One mutex guards who is where; it is never held while a socket is read or written.
package tracker

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
)

// Config is what a Tracker needs to know. Only Find must be set.
type Config struct {
	// Find returns the swarm of an infohash of ours: a public rendition, or a name that
	// p2p-media-loader makes of one. It is asked at every announce and now and then for
	// every swarm in use, so it should answer from memory.
	Find func(metainfo.Hash) (Swarm, bool)

	// Answer answers a WebRTC offer by our own seed, for peers that did not join from
	// our page. Nil, or an error, and nobody answers.
	Answer func(ctx context.Context, h metainfo.Hash, offer string) (answer string, err error)

	// Seeds are the addresses where our own seed takes TCP and uTP, for clients that
	// announce over HTTP. Nil, or none: it takes neither.
	Seeds func() []netip.AddrPort

	// Coordinator decides what the origin gives to whom. Nil: nobody may join.
	Coordinator *swarm.Coordinator

	// Hint says whether the upload budget is short, and the height that new viewers of a
	// swarm should then start with. Nil: it never is.
	Hint func(Swarm) (short bool, height int)

	// OwnOrigin reports whether an Origin header is our site's; only such pages, and
	// programs, which send none, may join. Nil: none is.
	OwnOrigin func(origin string) bool

	// MirrorAllowed reports whether a mirror may seed: asked when it comes and every few
	// seconds while it is there. Nil allows everyone.
	MirrorAllowed func(id, name string) bool

	// Address returns the client's address, behind a proxy the one it reports. Nil takes
	// the connection's.
	Address func(*http.Request) netip.Addr

	Log *slog.Logger // nil discards
}

// Swarm is what an infohash stands for.
type Swarm struct {
	Video     string
	Rendition string
	Size      int64
	Room      *swarm.Media // nil: a swarm of p2p-media-loader, without coordination and without our seed
}

// Tracker holds the swarms. Make one with New.
type Tracker struct {
	cfg     Config
	log     *slog.Logger
	self    peerID        // of our own seed
	answers chan struct{} // holds a place for each answer being made
	buffers sync.Pool     // of *bytes.Buffer, for messages being read
	work    sync.WaitGroup

	mu       sync.Mutex
	ended    bool
	sockets  map[*socket]struct{}
	rooms    map[metainfo.Hash]*room
	visitors map[netip.Addr]*visitor
	refused  refusals
	arrivals arrivals
	owners   map[peerID]*owner // of the ids that the scheduler knows
	tickets  map[string]peerID // of the owners
	mirrors  int               // on sockets
	hosts    int               // of all rooms
	viewers  int               // of all rooms
	received int64             // bytes that viewers said they got from others
}

// New returns a tracker. It starts nothing before Run.
func New(cfg Config) *Tracker {
	t := &Tracker{
		cfg: cfg, log: cfg.Log, answers: make(chan struct{}, maxAnswers),
		sockets:  map[*socket]struct{}{},
		rooms:    map[metainfo.Hash]*room{},
		visitors: map[netip.Addr]*visitor{},
		refused:  refusals{},
		owners:   map[peerID]*owner{},
		tickets:  map[string]peerID{},
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	copy(t.self[:], "-TL0001-"+rand.Text())
	return t
}

// Run does what time makes due, until ctx ends; it returns when every socket is closed.
func (t *Tracker) Run(ctx context.Context) error {
	grants, news, sweep := time.NewTicker(grantTime), time.NewTicker(newsTime), time.NewTicker(sweepTime)
	defer grants.Stop()
	defer news.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			t.end()
			return nil
		case now := <-grants.C:
			t.grant(now)
		case now := <-news.C:
			t.tellNews(now)
		case now := <-sweep.C:
			t.sweep(now)
		}
	}
}

// end closes every socket and waits for those who serve them.
func (t *Tracker) end() {
	t.mu.Lock()
	t.ended = true
	for s := range t.sockets {
		s.cut()
	}
	t.mu.Unlock()
	t.work.Wait()
}

// sweep forgets what is over: swarms of videos that are no longer public, peers that
// stopped announcing, mirrors that were refused meanwhile, strangers who left.
func (t *Tracker) sweep(now time.Time) {
	for _, h := range t.hashes() {
		if _, ok := t.cfg.Find(h); !ok {
			t.dissolve(now, h)
		}
	}
	t.refuseMirrors()
	t.pingSilent(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrivals.forget(now)
	for _, r := range t.rooms {
		t.expireHosts(now, r)
	}
	for addr, v := range t.visitors {
		if v.idle(now) {
			delete(t.visitors, addr)
		}
	}
	t.refused.expire(now)
}

// pingSilent pings who is in a swarm and has said nothing for a while.
func (t *Tracker) pingSilent(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.sockets {
		silent := s.conn != nil && s.silence(now) >= pingTime
		if silent && len(s.members)+len(s.viewers) > 0 {
			t.work.Go(s.ping)
		}
	}
}

func (t *Tracker) hashes() []metainfo.Hash {
	t.mu.Lock()
	defer t.mu.Unlock()
	hashes := make([]metainfo.Hash, 0, len(t.rooms))
	for h := range t.rooms {
		hashes = append(hashes, h)
	}
	return hashes
}

// dissolve ends a swarm whose video is not public any more.
func (t *Tracker) dissolve(now time.Time, h metainfo.Hash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[h]
	if r == nil {
		return
	}
	for _, v := range r.viewers {
		v.socket.send(refusal{"refuse", h.String(), reasonUnknown})
		t.leave(now, v)
	}
	for _, m := range r.members {
		m.socket.send(failure{"announce", binary(h), reasonUnknown})
		t.remove(now, m)
	}
	t.hosts -= len(r.hosts)
	delete(t.rooms, h)
}

// address returns who is asking.
func (t *Tracker) address(r *http.Request) netip.Addr {
	if t.cfg.Address != nil {
		return t.cfg.Address(r).Unmap()
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // such strangers share one set of limits
	}
	return addr.Addr().Unmap().WithZone("")
}
