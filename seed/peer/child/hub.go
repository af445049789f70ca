package child

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tubelet/tubelet/seed/peer/wire"
)

// The ways bytes leave.
const (
	wayWebRTC = "webrtc"
	wayTCP    = "tcp"
	wayUTP    = "utp"
)

const (
	idleConn  = 10 * time.Minute // without a byte of payload: let go
	spareConn = 30 * time.Second // without one, when somebody else wants the place
	banFor    = 10 * time.Minute // for an address that misbehaved
	maxBanned = 1024
)

// Memory of the whole process: where newcomers are refused, and where it ends itself,
// before the machine's own last resort picks the site. The parent starts it again.
const (
	softMemory = 160 << 20
	hardMemory = 320 << 20
)

var (
	errCrowded = errors.New("too many connections")
	errBanned  = errors.New("the address misbehaved")
	errClosed  = errors.New("the seed is closed")
)

// hub is the one listener of the torrent client: what passed the gates arrives here.
type hub struct {
	purses map[string]*purse
	ways   map[string]*traffic
	queue  chan net.Conn
	done   chan struct{}
	stop   context.CancelFunc
	full   atomic.Bool // no memory for newcomers
	began  time.Time

	mu     sync.Mutex
	conns  map[*conn]netip.Addr
	byIP   map[netip.Addr]int
	banned map[netip.Addr]time.Time
}

// traffic counts one way.
type traffic struct{ sent, received atomic.Int64 }

func newHub(spend func(ctx context.Context, way string, n int64) error) *hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &hub{
		purses: map[string]*purse{}, ways: map[string]*traffic{},
		queue: make(chan net.Conn), done: make(chan struct{}), stop: stop, began: time.Now(),
		conns: map[*conn]netip.Addr{}, byIP: map[netip.Addr]int{}, banned: map[netip.Addr]time.Time{},
	}
	for _, way := range []string{wayWebRTC, wayTCP, wayUTP} {
		h.ways[way] = new(traffic)
		h.purses[way] = newPurse(func(n int64) error { return spend(ctx, way, n) })
	}
	return h
}

// Accept gives the client the next connection. It fails only once the client is closed: the
// client asks again at once after an error.
func (h *hub) Accept() (net.Conn, error) {
	select {
	case c := <-h.queue:
		return c, nil
	case <-h.done:
		return nil, errClosed
	}
}

// Addr implements torrent.Listener. The client has no address of its own.
func (h *hub) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }

// give hands a connection that was let in to the client.
func (h *hub) give(c *conn) {
	select {
	case h.queue <- c:
	case <-h.done:
		_ = c.Close()
	}
}

// household is the part of an address that one customer has.
func household(addr net.Addr) netip.Addr {
	// uTP and WebRTC have types of their own for addresses; what they print is the same.
	where, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Addr{}
	}
	ip := where.Addr().Unmap().WithZone("")
	if ip.Is6() {
		prefix, err := ip.Prefix(64)
		if err == nil {
			return prefix.Addr()
		}
	}
	return ip
}

// enter lets a connection in, or closes it.
func (h *hub) enter(inner net.Conn, way string) (*conn, error) {
	ip := household(inner.RemoteAddr())
	h.mu.Lock()
	err := h.admit(ip, time.Now())
	if err != nil {
		h.mu.Unlock()
		_ = inner.Close()
		return nil, err
	}
	c := newConn(inner, way, h)
	h.conns[c] = ip
	h.byIP[ip]++
	h.mu.Unlock()
	return c, nil
}

func (h *hub) admit(ip netip.Addr, now time.Time) error {
	until, banned := h.banned[ip]
	switch {
	case banned && now.Before(until):
		return errBanned
	case h.full.Load() || h.byIP[ip] >= maxPerIP:
		return errCrowded
	case len(h.conns) < maxConns:
		return nil
	}
	var idlest *conn
	for c := range h.conns {
		if idlest == nil || c.moved.Load() < idlest.moved.Load() {
			idlest = c
		}
	}
	if h.clock(now)-time.Duration(idlest.moved.Load()) < spareConn {
		return errCrowded
	}
	h.forget(idlest)
	go idlest.Close()
	return nil
}

// clock is the time since the hub began, which goes on evenly whatever somebody sets the
// machine's clock to.
func (h *hub) clock(now time.Time) time.Duration { return now.Sub(h.began) }

// leave is called by a connection that closes.
func (h *hub) leave(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(c)
}

func (h *hub) forget(c *conn) {
	ip, there := h.conns[c]
	if !there {
		return
	}
	delete(h.conns, c)
	if h.byIP[ip]--; h.byIP[ip] == 0 {
		delete(h.byIP, ip)
	}
}

// ban keeps a connection's address out for a while.
func (h *hub) ban(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if len(h.banned) >= maxBanned {
		for ip, until := range h.banned {
			if now.After(until) {
				delete(h.banned, ip)
			}
		}
	}
	if len(h.banned) < maxBanned {
		h.banned[household(c.RemoteAddr())] = now.Add(banFor)
	}
}

// dropIdle lets go of who takes nothing.
func (h *hub) dropIdle(now time.Time) {
	h.mu.Lock()
	var idle []*conn
	for c := range h.conns {
		if h.clock(now)-time.Duration(c.moved.Load()) > idleConn {
			idle = append(idle, c)
		}
	}
	h.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// watchMemory refuses newcomers while memory is short, and fails when it is used up.
func (h *hub) watchMemory() error {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
	h.full.Store(used > softMemory)
	if used > hardMemory {
		return fmt.Errorf("%d MiB of memory are in use", used>>20)
	}
	return nil
}

func (h *hub) figures() wire.Figures {
	f := wire.Figures{Connections: map[string]int{}, Sent: map[string]int64{}}
	h.mu.Lock()
	for c := range h.conns {
		f.Connections[c.way]++
	}
	f.Busy = len(h.conns) > 0
	h.mu.Unlock()
	for way, t := range h.ways {
		f.Sent[way] = t.sent.Load()
		f.Received += t.received.Load()
	}
	return f
}

// close ends every connection. The client must be closed first.
func (h *hub) close() {
	h.stop()
	close(h.done)
	h.mu.Lock()
	conns := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}
