package peer

import (
	"context"
	"io"
	"net"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// Seed is the parent's side of the seed.
type Seed struct{ cfg Config }

// New returns a Seed that is switched on. It does nothing before Run.
func New(cfg Config) *Seed { return &Seed{cfg: cfg} }

// Run answers STUN and keeps the child as needed until ctx ends.
func (s *Seed) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Answer answers a WebRTC offer for torrent h.
func (s *Seed) Answer(ctx context.Context, h metainfo.Hash, offer string) (answer string, err error) {
	return "", ErrOff
}

// Switch turns the seed on or off while it runs.
func (s *Seed) Switch(on bool) {}

// Stats returns what the seed did.
func (s *Seed) Stats() Stats { return Stats{} }

// Child is what the hidden command runs.
func Child(ctx context.Context, stdin io.Reader, stdout io.Writer, conn *net.UDPConn) error { return nil }
