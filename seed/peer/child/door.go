package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/anacrolix/torrent/mse"
	"github.com/anacrolix/utp"
)

const (
	greeting   = "\x13BitTorrent protocol"
	greetWait  = 10 * time.Second
	keysLive   = time.Minute
	acceptWait = 50 * time.Millisecond // after an accept that failed: out of descriptors, mostly
)

var errStranger = errors.New("that is not BitTorrent")

// door takes connections over TCP and uTP on one port, and finds out what each wants
// before the torrent client sees it.
type door struct {
	hub   *hub
	shelf *shelf
	half  chan struct{}                         // connections that have not greeted yet
	keys  func(context.Context) ([]hash, error) // nil: no encrypted connections

	mu       sync.Mutex
	known    []hash
	knownAt  time.Time
	closers  []io.Closer
	stopping bool
}

// open listens on address, TCP and uTP on the same port, and returns where.
func (d *door) open(address string) (string, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for BitTorrent: %w", err)
	}
	host, _, _ := net.SplitHostPort(address)
	port := tcp.Addr().(*net.TCPAddr).Port
	where := net.JoinHostPort(host, strconv.Itoa(port))
	udp, err := net.ListenPacket("udp", where)
	if err != nil {
		return "", errors.Join(fmt.Errorf("listen for uTP: %w", err), tcp.Close())
	}
	socket, err := utp.NewSocketFromPacketConn(udp)
	if err != nil {
		return "", errors.Join(fmt.Errorf("listen for uTP: %w", err), udp.Close(), tcp.Close())
	}
	d.closers = []io.Closer{tcp, socket}
	go d.accept(tcp, wayTCP)
	go d.accept(socket, wayUTP)
	return where, nil
}

func (d *door) accept(l net.Listener, way string) {
	for {
		nc, err := l.Accept()
		if err != nil {
			d.mu.Lock()
			stopping := d.stopping
			d.mu.Unlock()
			if stopping || errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(acceptWait)
			continue
		}
		select {
		case d.half <- struct{}{}:
		default:
			_ = nc.Close()
			continue
		}
		plain := &greeted{Conn: nc, in: bufio.NewReaderSize(nc, 4<<10), out: nc}
		c, err := d.hub.enter(plain, way)
		if err != nil {
			<-d.half
			continue
		}
		go func() {
			defer func() { <-d.half }()
			if err := d.greet(c, plain); err != nil {
				_ = c.Close()
			}
		}()
	}
}

// greet reads which torrent the peer wants, opens it and hands the connection on.
func (d *door) greet(c *conn, plain *greeted) error {
	ctx, cancel := context.WithTimeout(c.ctx, greetWait)
	defer cancel()
	if err := c.SetDeadline(time.Now().Add(greetWait)); err != nil {
		return err
	}
	first, err := plain.in.Peek(len(greeting))
	if err != nil {
		return err
	}
	if string(first) != greeting {
		if err := d.decrypt(ctx, plain); err != nil {
			return err
		}
		if first, err = plain.in.Peek(len(greeting)); err != nil || string(first) != greeting {
			return errStranger
		}
	}
	head, err := plain.in.Peek(len(greeting) + 8 + len(hash{})) // 8 reserved bytes in between
	if err != nil {
		return err
	}
	if err := d.shelf.open(ctx, hash(head[len(greeting)+8:])); err != nil {
		return err
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return err
	}
	d.hub.give(c)
	return nil
}

// greeted is a connection of which the beginning was looked at, and decrypted if need be.
type greeted struct {
	net.Conn
	in  *bufio.Reader
	out io.Writer
}

func (g *greeted) Read(b []byte) (int, error)  { return g.in.Read(b) }
func (g *greeted) Write(b []byte) (int, error) { return g.out.Write(b) }

// decrypt undoes message stream encryption, which hides BitTorrent from providers that
// throttle it. Who insists on it names the torrent by a hash that only its infohash explains.
func (d *door) decrypt(ctx context.Context, g *greeted) error {
	keys, err := d.secrets(ctx)
	if err != nil {
		return err
	}
	iterate := func(try func(key []byte) (more bool)) {
		for _, key := range keys {
			if !try(key[:]) {
				return
			}
		}
	}
	rw := struct {
		io.Reader
		io.Writer
	}{g.in, g.out}
	stream, _, err := mse.ReceiveHandshake(ctx, rw, iterate, mse.DefaultCryptoSelector)
	if err != nil {
		return err
	}
	g.in, g.out = bufio.NewReaderSize(stream, 4<<10), stream
	return nil
}

// secrets returns the torrents there are, which the parent is asked for once a minute.
func (d *door) secrets(ctx context.Context) ([]hash, error) {
	if d.keys == nil {
		return nil, errStranger
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.knownAt) < keysLive {
		return d.known, nil
	}
	known, err := d.keys(ctx)
	if err != nil {
		return nil, err
	}
	d.known, d.knownAt = known, time.Now()
	return known, nil
}

func (d *door) close() {
	d.mu.Lock()
	d.stopping = true
	d.mu.Unlock()
	for _, c := range d.closers {
		_ = c.Close()
	}
}
