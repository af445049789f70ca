package peer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer/stun"
	"github.com/tubelet/tubelet/seed/peer/wire"
)

const (
	maxOffer    = 16 << 10 // bytes
	maxWaiting  = 64       // offers
	answerIn    = 15 * time.Second
	defaultIdle = 5 * time.Minute
)

var errNoSocket = errors.New("there is no UDP socket for WebRTC")

// Seed is the parent's side of the seed.
type Seed struct {
	cfg  Config
	stun stun.Responder

	// How crashes are answered. Tests are less patient.
	firstPause, lastPause time.Duration

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, when anything below changes
	on      bool
	failed  bool
	paused  bool
	line    *wire.Line // to the child, once it is ready
	offers  int        // that wait
	busy    time.Time  // when the child last had something to do
	heard   time.Time  // when it last reported
	stats   Stats
	figures wire.Figures // of this child
}

// New returns a Seed that is switched on. It does nothing before Run.
func New(cfg Config) *Seed {
	if cfg.Idle == 0 {
		cfg.Idle = defaultIdle
	}
	return &Seed{
		cfg: cfg, on: true, changed: make(chan struct{}), firstPause: time.Second, lastPause: time.Minute,
		stats: Stats{Sent: map[string]int64{}},
	}
}

// update changes the state under the lock and tells who waits.
func (s *Seed) update(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await returns when ok says so, which it is asked under the lock after every change, or
// when ctx ends.
func (s *Seed) await(ctx context.Context, ok func() bool) error {
	for {
		s.mu.Lock()
		done, changed := ok(), s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Answer answers a WebRTC offer for torrent h, and starts the child for it.
func (s *Seed) Answer(ctx context.Context, h metainfo.Hash, offer string) (answer string, err error) {
	if s.cfg.Conn == nil {
		return "", errNoSocket
	}
	if len(offer) > maxOffer {
		return "", fmt.Errorf("answer an offer: %d bytes are too many", len(offer))
	}
	// The child would ask too, but is not started for what is refused.
	if _, err := s.cfg.Lookup(ctx, h); err != nil {
		return "", fmt.Errorf("answer an offer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	line, err := s.child(ctx)
	if err != nil {
		return "", fmt.Errorf("answer an offer: %w", err)
	}
	call := wire.OfferCall{Hash: h.String(), SDP: offer}
	if s.cfg.PublicIPs != nil {
		call.PublicIPs = s.cfg.PublicIPs()
	}
	var reply wire.Answer
	if err := line.Call(ctx, wire.Offer, call, &reply); err != nil {
		return "", fmt.Errorf("answer an offer: %w", err)
	}
	return reply.SDP, nil
}

// child returns the line to the child, which is started if need be.
func (s *Seed) child(ctx context.Context) (line *wire.Line, err error) {
	s.mu.Lock()
	crowded := s.offers >= maxWaiting
	s.mu.Unlock()
	if crowded {
		return nil, wire.ErrBusy
	}
	s.update(func() { s.offers++; s.busy = time.Now() })
	defer s.update(func() { s.offers-- })
	off := false
	err = s.await(ctx, func() bool {
		line, off = s.line, !s.on || s.failed
		return off || line != nil
	})
	if err == nil && off {
		err = ErrOff
	}
	return line, err
}

// Switch turns the seed on or off while it runs. Off ends the child and its connections at
// once; on also forgets earlier crashes.
func (s *Seed) Switch(on bool) {
	s.update(func() {
		s.on = on
		if on {
			s.failed, s.paused = false, false
		}
	})
}

// Stats returns what the seed did.
func (s *Seed) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Sent = maps.Clone(st.Sent)
	for way, n := range s.figures.Sent {
		st.Sent[way] += n
	}
	st.Received += s.figures.Received
	st.Torrents, st.Connections = s.figures.Torrents, maps.Clone(s.figures.Connections)
	switch {
	case !s.on:
		st.State = Off
	case s.failed:
		st.State = Failed
	case s.line != nil:
		st.State = Running
	case s.paused:
		st.State = Waiting
	default:
		st.State = Idle
	}
	return st
}

// wanted reports whether there should be a child.
func (s *Seed) wanted() bool {
	return s.on && !s.failed && (s.offers > 0 || s.cfg.Listen != "")
}

// handlers are what the child may ask.
func (s *Seed) handlers() map[string]wire.Handler {
	return map[string]wire.Handler{
		wire.Lookup: wire.Handle(s.lookup),
		wire.Hashes: wire.Handle(s.hashes),
		wire.Spend:  wire.Handle(s.spend),
		wire.Report: wire.Handle(s.report),
	}
}

func (s *Seed) lookup(ctx context.Context, in wire.LookupCall) (wire.Share, error) {
	h, err := metainfo.ParseHash(in.Hash)
	if err != nil {
		return wire.Share{}, err
	}
	found, err := s.cfg.Lookup(ctx, h)
	return wire.Share{Info: found.Torrent.Info, Length: found.Torrent.Length, Path: found.Path}, err
}

func (s *Seed) hashes(context.Context, struct{}) (wire.Known, error) {
	var known wire.Known
	if s.cfg.Hashes != nil {
		for _, h := range s.cfg.Hashes() {
			known.Hashes = append(known.Hashes, h.String())
		}
	}
	return known, nil
}

func (s *Seed) spend(ctx context.Context, in wire.SpendCall) (struct{}, error) {
	if in.Bytes <= 0 || in.Bytes > 1<<20 {
		return struct{}{}, fmt.Errorf("spend %d bytes at once", in.Bytes)
	}
	return struct{}{}, s.cfg.Spend(ctx, in.Way, in.Bytes)
}

func (s *Seed) report(_ context.Context, in wire.Figures) (struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures, s.heard = in, time.Now()
	if in.Busy {
		s.busy = time.Now()
	}
	return struct{}{}, nil
}
