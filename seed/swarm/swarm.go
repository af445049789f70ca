// Package swarm decides what the origin gives to whom while people watch together. The
// origin and the tracker are one process, so one small scheduler can do what no tracker
// does: first copies before second ones, by deadline, rescues included, to the viewer that
// can pass them on. docs/sharing.md explains it with its picture.
//
// The Coordinator is pure: time is passed in, it starts no goroutine, does no I/O and knows
// no database. The simulation in sim runs this very code.
package swarm

import "time"

// Peer is a peer id in hex, as the tracker knows it.
type Peer string

// Segment is one entry of the media playlist.
type Segment struct {
	Offset, Size    int64
	Start, Duration time.Duration
}

// Media is one rendition's file as the scheduler sees it. The init part lies before the
// first segment. It must not change once it was given to Join.
type Media struct {
	Size, PieceLength int64
	Segments          []Segment
}

// Report is what a viewer says of itself every 500 ms while it is engaged. Everything in it
// is a stranger's word: it is bounded here and believed only where lying gains nothing.
type Report struct {
	Position, Rate float64 // seconds into the video, playback speed
	Paused, Hidden bool
	Connected      int            // peers whose data channel is open
	Have           []byte         // bitfield of pieces, first piece in the high bit; nil: as before
	Wishes         []int          // pieces that will not come in time from peers
	Fetching       []int          // pieces on their way, from peers or from the origin
	Received       map[Peer]int64 // bytes since the last report, by sender: this proves uploads
	Standing       bool           // its picture waits for bytes
}

// Grant is the permission to fetch these pieces from the origin now.
type Grant struct {
	Hash   string
	Peer   Peer
	Pieces []int
}

// Right is what a request for media bytes may claim at the origin's gate.
type Right int

// The rights, weakest first.
const (
	Plain   Right = iota // anybody's
	Granted              // under a lease
	Start                // first bytes after a join or a seek
)

// Origin is what the scheduler must know of the upload budget.
type Origin interface {
	// Queue is how long the leased bytes waiting at the gate need at Drain.
	Queue() time.Duration
	// Drain is the measured rate in bytes a second.
	Drain() float64
}
