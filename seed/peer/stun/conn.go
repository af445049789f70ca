package stun

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// Conn is a UDP socket that answers STUN itself and hands on every other packet. It has
// the methods by which pion's ICE reads and writes without allocating.
type Conn struct {
	*net.UDPConn
	Responder *Responder
}

// ReadFromAddrPort returns the next packet that is not STUN for us.
func (c Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, from, err
		}
		if !IsSTUN(b[:n]) {
			return n, from, nil
		}
		if answer := c.Responder.Answer(b[:n], from, time.Now()); answer != nil {
			// Who does not get it asks again.
			_, _ = c.WriteToUDPAddrPort(answer, from)
		}
	}
}

// WriteToAddrPort sends a packet.
func (c Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}

// ReadFrom is ReadFromAddrPort for those who ask in the old way.
func (c Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// Reads that may fail in a row.
const maxFailures = 100

// Serve answers STUN on conn until a read deadline in the past stops it or the socket fails.
// Other packets are dropped: nobody is there to read them.
func (r *Responder) Serve(conn *net.UDPConn) error {
	buf := make([]byte, maxRequest+1)
	for failures := 0; ; {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			// A packet of ours that bounced shows up as an error of the next read.
			if failures++; failures > maxFailures || errors.Is(err, net.ErrClosed) {
				return err
			}
			continue
		}
		failures = 0
		if answer := r.Answer(buf[:n], from, time.Now()); answer != nil {
			_, _ = conn.WriteToUDPAddrPort(answer, from)
		}
	}
}
