// Package peer is the BitTorrent seed: it gives published files to whoever is not on our
// pages (WebTorrent clients, desktop clients, mirrors) over WebRTC, TCP and uTP.
//
// The torrent and WebRTC libraries run in a child process, the same program started with a
// hidden command, because a panic in one of their goroutines would end the process it
// happens in. A Seed is the parent's side: it owns the UDP socket, answers STUN on it while
// no child runs, starts the child when somebody asks for a file, and starts it again when it
// dies. The child knows no database and no torrent; it asks the Seed for each.
//
//	viewers ── UDP ──▶ Seed (STUN) ── the socket, JSON lines ──▶ child (STUN, WebRTC, TCP, uTP)
package peer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// ErrOff says that the seed is switched off, or gave up after too many crashes.
var ErrOff = errors.New("the seed is off")

// Config is what a Seed needs.
type Config struct {
	// Conn is the one UDP socket for STUN and WebRTC. The Seed reads it from Run on and
	// leaves it open. Without it there is neither.
	Conn *net.UDPConn
	// Command makes the child's process, which must call Child with what Inherited returns.
	// Its environment, files and streams are the Seed's to set.
	Command func(ctx context.Context) *exec.Cmd
	// Lookup finds a torrent that anybody may have, and its file. It is asked again while
	// the file is being shared: an error ends that.
	Lookup func(ctx context.Context, h metainfo.Hash) (Share, error)
	// Hashes lists the torrents that encrypted connections may ask for: those who encrypt
	// don't say which they want. Nil: such connections are closed.
	Hashes func() []metainfo.Hash
	// Spend waits until n bytes may leave by way ("webrtc", "tcp" or "utp").
	Spend func(ctx context.Context, way string, n int64) error
	// Listen is the address for TCP and uTP; "" for neither.
	Listen string
	// PublicIPs are this machine's addresses as the world sees them. Nil, or none: those of
	// its interfaces.
	PublicIPs func() []netip.Addr
	// Idle is how long a child without peers lives; 0: five minutes. With Listen it stays.
	Idle time.Duration
	Log  *slog.Logger
}

// Share is a torrent and where its file is.
type Share struct {
	Torrent metainfo.Torrent
	Path    string
}

// What Stats.State says.
const (
	Off     = "off"
	Idle    = "idle" // no child: nobody asks
	Running = "running"
	Waiting = "waiting" // before it starts a child that crashed again
	Failed  = "failed"  // too many crashes; Switch(true) tries again
)

// Stats is what the seed did since New.
type Stats struct {
	State       string
	Listen      string           // where TCP and uTP are listened on, once they are
	Torrents    int              // torrents open in the child
	Connections map[string]int   // by way, now
	Sent        map[string]int64 // bytes by way
	Received    int64            // bytes: requests and other small talk, and what was not asked for
	Crashes     int              // ends of a child that nobody wanted
}
