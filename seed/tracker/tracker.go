// Package tracker introduces those who watch or seed the same rendition to each other.
//
// It speaks the WebTorrent protocol over a WebSocket (webtorrent.js and p2p-media-loader
// know it), announce and scrape over HTTP (BEP 3, 7, 23, 48), and on the same WebSocket the
// messages by which our own page and the scheduler in seed/swarm coordinate. It serves only
// infohashes that Find knows, believes no address that a peer claims, keeps addresses out of
// its figures and logs, and bounds everything a stranger can make it keep or send.
package tracker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
)

// Config is what a Tracker needs to know. Only Find must be set.
type Config struct {
	// Find returns the swarm of an infohash of ours: a public rendition, or a name that
	// p2p-media-loader makes of one. It is asked often and must not read a disk.
	Find func(metainfo.Hash) (Swarm, bool)

	// Answer answers a WebRTC offer by our own seed, for peers that did not join from
	// our page. Nil, or an error, and nobody answers.
	Answer func(ctx context.Context, h metainfo.Hash, offer string) (answer string, err error)

	// Coordinator decides what the origin gives to whom. Nil: nobody may join.
	Coordinator *swarm.Coordinator

	// OwnOrigin reports whether an Origin header is our site's; only such pages, and
	// programs, which send none, may join.
	OwnOrigin func(origin string) bool

	// MirrorAllowed reports whether a mirror may seed. Nil allows everyone.
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
	Room      *swarm.Media // nil: peers only, no coordination
}

// Stats is what goes on, without anybody's address.
type Stats struct {
	Sockets   int           `json:"sockets"`
	Viewers   int           `json:"viewers"` // that joined from our page
	Mirrors   []MirrorStats `json:"mirrors"`
	Swarms    []SwarmStats  `json:"swarms"`
	FromPeers int64         `json:"fromPeers"` // bytes that viewers say they got from others, since the start
}

// SwarmStats is one infohash that somebody is interested in.
type SwarmStats struct {
	Hash      string `json:"infohash"`
	Video     string `json:"video"`
	Rendition string `json:"rendition"`
	Viewers   int    `json:"viewers"` // joined
	Mirrors   int    `json:"mirrors"`
	Peers     int    `json:"peers"`     // everybody else
	Seeds     int    `json:"seeds"`     // of Peers, with the whole file
	FromPeers int64  `json:"fromPeers"` // bytes, since the swarm formed
}

// MirrorStats is one mirror on a socket.
type MirrorStats struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	URL    string `json:"url"`
	Swarms int    `json:"swarms"`
}

// Tracker holds the swarms. Make one with New.
type Tracker struct {
	cfg Config
}

// New returns a tracker. Its goroutines end with Run.
func New(cfg Config) *Tracker { return &Tracker{cfg: cfg} }

// Run does what time makes due, until ctx ends; it returns when every socket is closed.
func (t *Tracker) Run(ctx context.Context) error {
	<-ctx.Done()
	return errors.New("run tracker: not made yet")
}

// Socket answers /tracker/socket.
func (t *Tracker) Socket(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not made yet", http.StatusNotImplemented)
}

// Announce answers /tracker/announce.
func (t *Tracker) Announce(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not made yet", http.StatusNotImplemented)
}

// Scrape answers /tracker/scrape.
func (t *Tracker) Scrape(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "not made yet", http.StatusNotImplemented)
}

// Stats returns what goes on now.
func (t *Tracker) Stats() Stats { return Stats{} }
