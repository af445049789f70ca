// Package natpmp asks a home's router by NAT-PMP (RFC 6886) for its address outside, and to
// send ports here. That is datagrams of a dozen bytes to the default gateway.
//
// Whoever sits on the network can answer: a Client takes datagrams from the gateway alone,
// of the exact form, that belong to what it asked, and waits a bounded time for them. It does
// not listen for a router's announcements (section 3.2.1): each answer tells too whether the
// router has forgotten what it mapped, and then all of it is asked for again.
package natpmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Port is where routers listen.
const Port = 5351

const (
	firstWait = 250 * time.Millisecond // for the first answer, then twice that, and so on
	strangers = 32                     // datagrams that are read while waiting for the right one
	drift     = 2                      // seconds by which a router's clock may be behind
)

// ErrSilent means that nobody answers: the router does not speak NAT-PMP.
var ErrSilent = errors.New("the router does not answer NAT-PMP")

// Client speaks to one router. It is not for two goroutines at a time.
type Client struct {
	gateway netip.AddrPort
	tries   int

	epoch uint32 // the router's clock, as it said last
	heard time.Time
	kept  map[mapping]time.Duration // what is mapped, and the lease that was asked for
	stale bool                      // the router has forgotten some of it
}

// mapping is a port that the router sends here.
type mapping struct {
	op   byte
	port uint16
}

// New returns a Client that asks a router so many times before it gives up. The RFC has nine
// tries, which take two minutes; five take eight seconds.
func New(gateway netip.AddrPort, tries int) *Client {
	return &Client{gateway: gateway, tries: tries, kept: map[mapping]time.Duration{}}
}

// Address returns the router's own address outside.
func (c *Client) Address(ctx context.Context) (netip.Addr, error) {
	a, err := c.ask(ctx, []byte{0, opAddress})
	c.recover(ctx)
	return a.address, err
}

// Map has a port sent here, over "tcp" or "udp", from the same port outside. It returns for
// how long.
func (c *Client) Map(ctx context.Context, protocol string, port uint16, lease time.Duration) (time.Duration, error) {
	m, err := of(protocol, port)
	if err != nil {
		return 0, err
	}
	given, err := c.put(ctx, m, lease)
	if err == nil {
		c.kept[m] = lease
	}
	c.recover(ctx)
	return given, err
}

// Unmap ends that.
func (c *Client) Unmap(ctx context.Context, protocol string, port uint16) error {
	m, err := of(protocol, port)
	if err != nil {
		return err
	}
	delete(c.kept, m)
	_, err = c.ask(ctx, m.request(0, 0))
	return err
}

func of(protocol string, port uint16) (mapping, error) {
	switch protocol {
	case "tcp":
		return mapping{opTCP, port}, nil
	case "udp":
		return mapping{opUDP, port}, nil
	}
	return mapping{}, fmt.Errorf("NAT-PMP maps no ports of %s", protocol)
}

// put asks for a mapping. One from another port outside is none: addresses name the port.
func (c *Client) put(ctx context.Context, m mapping, lease time.Duration) (time.Duration, error) {
	a, err := c.ask(ctx, m.request(m.port, lease))
	switch {
	case err != nil:
		return 0, err
	case a.outer != m.port:
		_, err := c.ask(ctx, m.request(0, 0))
		return 0, errors.Join(fmt.Errorf("the router would only send port %d instead: somebody else has this one", a.outer), err)
	case a.lease == 0:
		return 0, errors.New("the router ends it at once")
	}
	return time.Duration(a.lease) * time.Second, nil
}

// recover asks again for what a router has forgotten, as the RFC wants it at once.
func (c *Client) recover(ctx context.Context) {
	if !c.stale {
		return
	}
	c.stale = false
	for m, lease := range c.kept {
		if _, err := c.put(ctx, m, lease); err != nil {
			c.stale = true // the next answer is the next chance
		}
	}
}

// ask sends a request until its answer is there.
func (c *Client) ask(ctx context.Context, request []byte) (answer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp4", c.gateway.String()) // connected: the kernel drops what others send
	if err != nil {
		return answer{}, fmt.Errorf("ask the router: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for try := range c.tries {
		_, err := conn.Write(request)
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(firstWait << try))
			var a answer
			if a, err = read(conn, request); err == nil {
				c.hear(a.epoch)
				return a, a.refusal()
			}
		}
		switch {
		case ctx.Err() != nil:
			return answer{}, ctx.Err()
		case errors.Is(err, syscall.ECONNREFUSED): // nobody listens there
			return answer{}, ErrSilent
		case !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, errOthers):
			return answer{}, fmt.Errorf("ask the router: %w", err)
		}
	}
	return answer{}, ErrSilent
}

var errOthers = errors.New("other things came than the answer")

// read waits for the answer to a request.
func read(conn net.Conn, request []byte) (answer, error) {
	buf := make([]byte, 64)
	for range strangers {
		n, err := conn.Read(buf)
		if err != nil {
			return answer{}, err
		}
		if a, ok := parse(buf[:n], request); ok {
			return a, nil
		}
	}
	return answer{}, errOthers
}

// hear notes the router's clock, and whether it was set back by a restart.
func (c *Client) hear(epoch uint32) {
	if !c.heard.IsZero() && restarted(c.epoch, epoch, time.Since(c.heard)) {
		c.stale = true
	}
	c.epoch, c.heard = epoch, time.Now()
}

// restarted reports whether a router's clock is behind what it must be at least, after
// section 3.6: seven eighths of the time that has passed here.
func restarted(before, now uint32, passed time.Duration) bool {
	return uint64(now)+drift < uint64(before)+uint64(max(passed, 0)*7/8/time.Second)
}

// Operations. An answer has 128 added.
const (
	opAddress = 0
	opUDP     = 1
	opTCP     = 2
	answers   = 128
)

// request is a request for a mapping: version, operation, two bytes of nothing, the port
// here, the port outside that is wished for, and the seconds. Zero seconds end it.
func (m mapping) request(outer uint16, lease time.Duration) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, m.op, 0, 0}, m.port)
	b = binary.BigEndian.AppendUint16(b, outer)
	return binary.BigEndian.AppendUint32(b, uint32(lease/time.Second))
}

// answer is what a router says.
type answer struct {
	code    uint16
	epoch   uint32
	address netip.Addr // to a question for it
	outer   uint16     // these two to a request for a mapping
	lease   uint32     // seconds
}

// parse reads a datagram, and reports whether it is the answer to request. A refusal may end
// after the router's clock.
func parse(b, request []byte) (a answer, ok bool) {
	if len(b) < 8 || b[0] != 0 || b[1] != request[1]+answers {
		return a, false
	}
	a.code, a.epoch = binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	switch {
	case a.code != 0:
		return a, len(b) <= 16
	case b[1] == answers+opAddress && len(b) == 12:
		a.address = netip.AddrFrom4([4]byte(b[8:]))
		return a, true
	case b[1] != answers+opAddress && len(b) == 16 && [2]byte(b[8:]) == [2]byte(request[4:]):
		a.outer, a.lease = binary.BigEndian.Uint16(b[10:]), binary.BigEndian.Uint32(b[12:])
		return a, true
	}
	return answer{}, false
}

// refusal says in a sentence what the router's code means (section 3.5).
func (a answer) refusal() error {
	switch a.code {
	case 0:
		return nil
	case 1:
		return errors.New("the router speaks another version of NAT-PMP")
	case 2:
		return errors.New("the router refuses: NAT-PMP is switched off there, or not for this machine")
	case 3:
		return errors.New("the router has no connection to the internet itself")
	case 4:
		return errors.New("the router has no room for another port")
	case 5:
		return errors.New("the router does not do this by NAT-PMP")
	}
	return fmt.Errorf("the router refuses with code %d", a.code)
}
