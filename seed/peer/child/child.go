// Package child is what runs in the seed's own process: BitTorrent over WebRTC, TCP and
// uTP, reading published files in place.
//
// Nothing stands open for a torrent nobody asks for. The first peer who names one makes the
// child look it up over the line to the parent, open the file and add it to the client;
// once no peer is left it is dropped again. Every byte that leaves is first spent from the
// parent's upload budget, whatever its way, and every connection, ours or the library's,
// passes the same gate:
//
//	offer ── rtc ──┐
//	TCP ───────────┼─ greet (which torrent?) ─ hub (how many?) ─ conn (may it send?) ─ torrent client
//	uTP ───────────┘
//
// There is no DHT, no peer exchange, no local discovery, no tracker, no port mapping and no
// dialling out: peers come to us.
package child

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/peer/stun"
	"github.com/tubelet/tubelet/seed/peer/wire"
)

// Limits of one child. A stranger can use up all of them and the memory stays bounded.
const (
	maxConns    = 200 // connections, all ways
	maxPerIP    = 16  // of one address (IPv6: of one /64)
	maxHalf     = 32  // connections that have not yet said what they want
	maxTorrents = 64
	calls       = 48      // offers answered at a time
	maxLine     = 8 << 20 // bytes; the largest torrent's pieces fit
)

// Config is what Run needs.
type Config struct {
	In   io.Reader
	Out  io.Writer
	Conn *net.UDPConn // for STUN and WebRTC; nil: neither
}

// child is one run.
type child struct {
	cfg   Config
	line  *wire.Line
	hub   *hub
	shelf *shelf
	rtc   *answerer // nil without a socket

	mu      sync.Mutex
	ready   bool
	closers []func()
}

// Run does what the parent says on In until In ends or ctx does.
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &child{cfg: cfg}
	c.line = wire.New(wire.Config{
		In: cfg.In, Out: cfg.Out, Calls: calls, MaxLine: maxLine,
		Handlers: map[string]wire.Handler{wire.Start: wire.Handle(c.start), wire.Offer: wire.Handle(c.offer)},
	})
	served := make(chan error, 1)
	go func() { served <- c.line.Serve(ctx) }()
	defer c.close()
	swept := make(chan error, 1)
	go func() { swept <- c.sweep(ctx) }()
	select {
	case err := <-served:
		return err
	case err := <-swept:
		return err
	case <-ctx.Done():
		return nil
	}
}

// start is the first call of the parent.
func (c *child) start(ctx context.Context, s wire.Setup) (wire.Started, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready {
		return wire.Started{}, errors.New("already started")
	}
	c.hub = newHub(c.spend)
	client, err := newClient(c.hub)
	if err != nil {
		return wire.Started{}, err
	}
	c.shelf = newShelf(client, c.lookup)
	c.closers = append(c.closers, c.hub.close, func() { client.Close() })
	if c.cfg.Conn != nil {
		socket := stun.Conn{UDPConn: c.cfg.Conn, Responder: new(stun.Responder)}
		c.rtc, err = newAnswerer(socket, c.shelf, c.hub)
		if err != nil {
			return wire.Started{}, err
		}
		c.closers = append(c.closers, c.rtc.close)
	}
	var started wire.Started
	if s.Listen != "" {
		d := &door{hub: c.hub, shelf: c.shelf, half: make(chan struct{}, maxHalf)}
		if s.Encrypted {
			d.keys = c.hashes
		}
		if started.Listen, err = d.open(s.Listen); err != nil {
			return wire.Started{}, err
		}
		c.closers = append(c.closers, d.close)
	}
	c.ready = true
	return started, nil
}

// offer answers a WebRTC offer.
func (c *child) offer(ctx context.Context, o wire.OfferCall) (wire.Answer, error) {
	c.mu.Lock()
	rtc := c.rtc
	c.mu.Unlock()
	if rtc == nil {
		return wire.Answer{}, errors.New("no WebRTC here")
	}
	h, err := parseHash(o.Hash)
	if err != nil {
		return wire.Answer{}, err
	}
	sdp, err := rtc.answer(ctx, h, o.SDP, o.PublicIPs)
	return wire.Answer{SDP: sdp}, err
}

func (c *child) spend(ctx context.Context, way string, n int64) error {
	return c.line.Call(ctx, wire.Spend, wire.SpendCall{Way: way, Bytes: n}, nil)
}

func (c *child) lookup(ctx context.Context, h hash) (wire.Share, error) {
	var s wire.Share
	err := c.line.Call(ctx, wire.Lookup, wire.LookupCall{Hash: h.HexString()}, &s)
	return s, err
}

func (c *child) hashes(ctx context.Context) ([]hash, error) {
	var known wire.Known
	if err := c.line.Call(ctx, wire.Hashes, struct{}{}, &known); err != nil {
		return nil, err
	}
	keys := make([]hash, 0, len(known.Hashes))
	for _, text := range known.Hashes {
		if h, err := parseHash(text); err == nil {
			keys = append(keys, h)
		}
	}
	return keys, nil
}

// How often the child looks around: at its figures, at idle connections, at its torrents.
const (
	reportEvery = 2 * time.Second
	sweepEvery  = 5 // reports
	lastWord    = time.Second
)

// sweep reports to the parent and lets go of what nobody uses.
func (c *child) sweep(ctx context.Context) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c.mu.Lock()
		ready := c.ready
		c.mu.Unlock()
		if !ready {
			continue
		}
		if err := c.hub.watchMemory(); err != nil {
			return err
		}
		if n%sweepEvery == 0 {
			c.hub.dropIdle(time.Now())
			c.shelf.sweep(ctx, time.Now())
		}
		c.report(ctx)
	}
}

// report tells the figures. A parent that is gone ends us through In, not through this.
func (c *child) report(ctx context.Context) {
	figures := c.hub.figures()
	figures.Torrents = c.shelf.len()
	figures.Busy = figures.Busy || c.rtc != nil && c.rtc.busy()
	_ = c.line.Call(ctx, wire.Report, figures, nil)
}

// close ends everything, the youngest first, with a last word about what was done.
func (c *child) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready {
		ctx, cancel := context.WithTimeout(context.Background(), lastWord)
		c.report(ctx)
		cancel()
	}
	for i := len(c.closers) - 1; i >= 0; i-- {
		c.closers[i]()
	}
	c.closers = nil
}
