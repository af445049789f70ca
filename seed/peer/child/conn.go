package child

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A peer asks for a piece in a few bytes. Beyond this much small talk it sends us data
	// that a seed has no use for: made-up pieces, huge bitfields, floods of requests.
	talkFree  = 1 << 20 // bytes
	talkShare = 16      // and one byte for so many sent

	// One write, and one message of a data channel. Larger ones save little, and no more
	// than this waits in a connection whose peer does not read.
	chunk = 16<<10 + 64

	// A peer who takes nothing of one chunk in this time is not reading.
	stall = 45 * time.Second
)

var errTalk = errors.New("the peer sends what nobody asked for")

// conn is a connection whose bytes are spent from the budget and whose peer must behave.
type conn struct {
	net.Conn
	way     string
	hub     *hub
	purse   *purse
	traffic *traffic

	ctx   context.Context // ends with the connection
	stop  context.CancelFunc
	once  sync.Once
	moved atomic.Int64 // when payload last left, by the hub's own clock

	sent, received atomic.Int64
}

func newConn(inner net.Conn, way string, h *hub) *conn {
	ctx, stop := context.WithCancel(context.Background())
	c := &conn{Conn: inner, way: way, hub: h, purse: h.purses[way], traffic: h.ways[way], ctx: ctx, stop: stop}
	c.moved.Store(int64(h.clock(time.Now())))
	return c
}

// Read reads what the peer says, as long as it is in proportion to what it gets.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.traffic.received.Add(int64(n))
	if c.received.Add(int64(n)) > talkFree+c.sent.Load()/talkShare {
		c.hub.ban(c)
		_ = c.Close()
		return 0, errTalk
	}
	return n, err
}

// Write sends b in chunks, each when the budget has it.
func (c *conn) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		part := b[done:min(done+chunk, len(b))]
		if err := c.purse.take(c.ctx, len(part)); err != nil {
			return done, err
		}
		if err := c.Conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(part)
		done += n
		c.sent.Add(int64(n))
		c.traffic.sent.Add(int64(n))
		if err != nil {
			return done, err
		}
		if n > 1<<10 {
			c.moved.Store(int64(c.hub.clock(time.Now())))
		}
	}
	return done, nil
}

// Close closes the connection and gives its place free.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		c.stop()
		c.hub.leave(c)
		err = c.Conn.Close()
	})
	return err
}
