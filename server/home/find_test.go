package home

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// natRouter is a router that speaks NAT-PMP alone; package natpmp tests what is said.
type natRouter struct {
	conn *net.UDPConn
	code uint16 // with which it refuses

	mu     sync.Mutex
	mapped map[string]uint32 // lease by operation and port
}

func newNATRouter(t *testing.T, code uint16) *natRouter {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &natRouter{conn: conn, code: code, mapped: map[string]uint32{}}
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDP(r.answer(buf[:n]), from)
		}
	}()
	return r
}

func (r *natRouter) answer(q []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0, q[1] + 128}, r.code)
	head = append(head, 0, 0, 1, 0)
	if len(q) == 2 {
		return append(head, 203, 0, 113, 7)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := string([]byte{q[1], q[4], q[5]})
	if r.mapped[key] = binary.BigEndian.Uint32(q[8:]); r.mapped[key] == 0 {
		delete(r.mapped, key)
	}
	return bytes.Join([][]byte{head, q[4:8], q[8:12]}, nil)
}

func (r *natRouter) address() (netip.AddrPort, error) {
	return netip.ParseAddrPort(r.conn.LocalAddr().String())
}

// silent is an address where nobody answers a search.
func silent(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

// TestOnlyNATPMP has a router that does not know UPnP: its ports are mapped all the same,
// renewed, and taken back at the stop.
func TestOnlyNATPMP(t *testing.T) {
	t.Parallel()
	r := newNATRouter(t, 0)
	upnp := silent(t)
	k := New(Config{
		Ports: []Port{{"tcp", 443}, {"udp", 8443}}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Own:  func() []netip.Addr { return nil },
		Find: func(ctx context.Context) (router, error) { return find(ctx, upnp, r.address) },
	})
	now := time.Now()
	k.round(t.Context(), now)
	r.mu.Lock()
	if len(r.mapped) != 2 || r.mapped["\x02\x01\xbb"] != 3600 || r.mapped["\x01\x20\xfb"] != 3600 {
		t.Errorf("mapped %v", r.mapped)
	}
	clear(r.mapped)
	r.mu.Unlock()
	if len(k.last) != 1 || k.last[0].String() != "203.0.113.7" {
		t.Errorf("announced %v", k.last)
	}
	k.round(t.Context(), now.Add(31*time.Minute))
	r.mu.Lock()
	if len(r.mapped) != 2 {
		t.Errorf("not renewed: %v", r.mapped)
	}
	r.mu.Unlock()
	k.back(t.Context())
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mapped) != 0 {
		t.Errorf("still mapped: %v", r.mapped)
	}
}

// TestNobodyMaps has no router do it: what is logged says why, of both ways.
func TestNobodyMaps(t *testing.T) {
	t.Parallel()
	refuses := newNATRouter(t, 2)
	for name, test := range map[string]struct {
		gateway func() (netip.AddrPort, error)
		want    string
		nobody  bool
	}{
		"refuses":    {refuses.address, "NAT-PMP is switched off there", false},
		"is closed":  {func() (netip.AddrPort, error) { return netip.MustParseAddrPort("127.0.0.1:1"), nil }, "no router answers UPnP or NAT-PMP", true},
		"is unknown": {func() (netip.AddrPort, error) { return netip.AddrPort{}, errors.New("no router is known") }, "NAT-PMP was not tried", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := find(t.Context(), silent(t), test.gateway)
			if err == nil || r != nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, errNoRouter) != test.nobody {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
}

// TestUPnPFirst asks nobody by NAT-PMP where a router answers UPnP.
func TestUPnPFirst(t *testing.T) {
	t.Parallel()
	r := newIGD(t, "/ctl")
	g, err := find(t.Context(), r.ssdp, func() (netip.AddrPort, error) {
		t.Error("the gateway is asked for")
		return netip.AddrPort{}, nil
	})
	if _, ok := g.(*gateway); err != nil || !ok {
		t.Errorf("%T, %v", g, err)
	}
}
