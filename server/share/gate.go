package share

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/store"
)

// Viewer is the header in which a viewer of a swarm shows the ticket that the tracker gave
// it. Other sites' pages can't send it: our answer to their preflight does not name it.
const Viewer = "Tubelet-Viewer"

// mirrorAgent is how mirrors call themselves (seed/mirror): they fetch for later, and in parts.
const mirrorAgent = "Tubelet-Mirror"

// Sending is a file that is about to be sent.
type Sending struct {
	Request   *http.Request
	Address   string          // of the client
	Rendition store.Rendition // zero for an original
	Download  bool            // to keep, not to watch
}

// Gate returns the writer through which the bytes [from, to) of a file leave to w. Close it
// in the end.
func (s *Share) Gate(f Sending, w io.Writer, from, to int64) io.WriteCloser {
	claim, done := s.claim(f, from, to)
	g := &gate{left: to - from, done: func(left int64) { done(to - from - left) }}
	if s.budget.Limited() || claim.Class == budget.Leased { // leases show how fast the line is
		out := s.budget.Writer(f.Request.Context(), claim, to-from, w)
		g.out, g.close = out, out.Close
	} else {
		g.out, g.close = &counted{w, s.budget, f.Request.Context(), claim}, func() error { return nil }
	}
	return g
}

// claim says what a request may ask for. What a client says of itself does not count: the
// coordinator knows whom it has granted what. Call done in the end with the bytes sent.
func (s *Share) claim(f Sending, from, to int64) (_ budget.Claim, done func(sent int64)) {
	c := budget.Claim{Viewer: f.Address, Way: budget.HTTP, Class: budget.Plain, Rate: float64(f.Rendition.Bandwidth) / 8}
	p, known := s.viewer(f)
	first := f.Request.URL.Query().Has("first")
	switch {
	case f.Download, f.Rendition.File == "", strings.HasPrefix(f.Request.UserAgent(), mirrorAgent), f.Request.Header.Get("Range") == "" && !first:
		c.Class = budget.Bulk
		return c, func(int64) {}
	case known:
		return s.leased(c, f.Rendition.Infohash, p, from, to)
	case from == 0 && to <= startBytes(f.Rendition) && s.starts.allow(f.Address, time.Now()):
		c.Class = budget.Start
	}
	return c, func(sent int64) { s.sent(f.Rendition.Infohash, from, from+sent) }
}

// sent tells the coordinator what has left for somebody it does not know: a player that has
// not joined yet, or is alone.
func (s *Share) sent(hash string, from, to int64) {
	if hash != "" {
		s.swarm.Sent(time.Now(), hash, from, to)
	}
}

// viewer finds out who asks.
func (s *Share) viewer(f Sending) (swarm.Peer, bool) {
	ticket := f.Request.Header.Get(Viewer)
	if ticket == "" || f.Rendition.Infohash == "" {
		return "", false
	}
	return s.tracker.Viewer(ticket)
}

// startBytes is how much of a file may go before everybody else's bytes: what a player of
// ours asks for first, and not "bytes=0-", which is the whole film.
func startBytes(r store.Rendition) int64 {
	const least, seconds = 1 << 20, 10
	return max(least, seconds*int64(r.Bandwidth)/8)
}

// leased asks the coordinator about a viewer of a swarm.
func (s *Share) leased(c budget.Claim, hash string, p swarm.Peer, from, to int64) (budget.Claim, func(sent int64)) {
	slack, right := s.swarm.Lease(time.Now(), hash, p, from, to)
	switch right {
	case swarm.Start:
		c.Class, c.Way = budget.Start, budget.Swarm
	case swarm.Granted:
		c.Class, c.Way = budget.Leased, budget.Swarm
	}
	if right != swarm.Plain {
		c.Viewer, c.Slack = string(p), slack
	}
	return c, func(sent int64) {
		whole := from+sent >= to
		if !whole {
			s.sent(hash, from, from+sent)
		}
		s.swarm.Done(time.Now(), hash, p, from, to, whole)
	}
}

// gate is one answer on its way out.
type gate struct {
	out interface {
		io.Writer
		io.ReaderFrom
	}
	close func() error
	left  int64
	done  func(left int64)
}

func (g *gate) Write(p []byte) (int, error) {
	n, err := g.out.Write(p)
	g.left -= int64(n)
	return n, err
}

func (g *gate) ReadFrom(r io.Reader) (int64, error) {
	n, err := g.out.ReadFrom(r)
	g.left -= n
	return n, err
}

func (g *gate) Close() error {
	err := g.close()
	g.done(g.left)
	return err
}

// counted counts what is sent without a limit, a piece at a time, so that sendfile stays
// possible. A limit that is set meanwhile holds from the next piece on.
type counted struct {
	w      io.Writer
	budget *budget.Budget
	ctx    context.Context
	claim  budget.Claim
}

const countedPiece = 256 << 10

func (c *counted) Write(p []byte) (int, error) {
	if err := c.budget.Take(c.ctx, c.claim, len(p)); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

func (c *counted) ReadFrom(src io.Reader) (int64, error) {
	to, direct := c.w.(io.ReaderFrom)
	limited, ok := src.(*io.LimitedReader)
	if !ok || !direct {
		return io.Copy(struct{ io.Writer }{c}, src)
	}
	var sent int64
	for limited.N > 0 {
		part := &io.LimitedReader{R: limited.R, N: min(countedPiece, limited.N)}
		if err := c.budget.Take(c.ctx, c.claim, int(part.N)); err != nil {
			return sent, err
		}
		n, err := to.ReadFrom(part)
		sent += n
		limited.N -= n
		if err != nil || part.N > 0 { // the client has gone, or the file is shorter than it was
			return sent, err
		}
	}
	return sent, nil
}
