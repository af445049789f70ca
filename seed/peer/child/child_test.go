package child

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/seed/peer/stun"
)

func free(context.Context, string, int64) error { return nil }

// addressed is a pipe with an address.
type addressed struct {
	net.Conn
	from string
}

func (a addressed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a.from))
}

// TestNeverReading: a peer that takes nothing is let go, after a while.
func TestNeverReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(free)
		defer h.close()
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c, err := h.enter(addressed{ours, "203.0.113.1:1"}, wayTCP)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		n, err := c.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 || time.Since(start) != stall {
			t.Errorf("after %v: %d bytes, %v", time.Since(start), n, err)
		}
	})
}

// TestPurse: connections take turns, and what one asked for and did not use is the next one's.
func TestPurse(t *testing.T) {
	var spent atomic.Int64
	p := newPurse(func(n int64) error { spent.Add(n); return nil })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.take(t.Context(), chunk); err != nil {
		t.Fatal(err)
	}
	_ = p.take(ended, chunk)
	for range 14 {
		if err := p.take(t.Context(), chunk); err != nil {
			t.Fatal(err)
		}
	}
	if n := spent.Load(); n != largeSlice {
		t.Errorf("%d bytes were spent for 15 chunks", n)
	}
	refused := errors.New("the month is used up")
	p = newPurse(func(int64) error { return refused })
	if err := p.take(t.Context(), 1); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
}

// TestPlaces: how many may come, from where, and who makes room.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(free)
		defer h.close()
		enter := func(from string) (*conn, error) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { theirs.Close() })
			return h.enter(addressed{ours, from}, wayTCP)
		}
		for i := range maxPerIP {
			if _, err := enter(netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i)}), 9).String()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := enter("[2001::ffff]:9"); !errors.Is(err, errCrowded) {
			t.Errorf("one too many from one line: %v", err)
		}
		if _, err := enter("[2001:0:0:1::1]:9"); err != nil {
			t.Errorf("the neighbour: %v", err)
		}
		last, n := (*conn)(nil), 0
		for i := range maxConns {
			c, err := enter(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 9).String())
			if err != nil {
				break
			}
			last, n = c, n+1
		}
		if want := maxConns - maxPerIP - 1; n != want {
			t.Errorf("%d more came in, want %d", n, want)
		}
		time.Sleep(spareConn + time.Second)
		if _, err := enter("203.0.113.7:9"); err != nil {
			t.Errorf("nobody made room: %v", err)
		}
		if got := len(h.conns); got != maxConns {
			t.Errorf("%d connections", got)
		}
		h.ban(last)
		_ = last.Close()
		if _, err := enter(last.RemoteAddr().String()); !errors.Is(err, errBanned) {
			t.Errorf("who was banned: %v", err)
		}
		time.Sleep(idleConn + time.Second)
		h.dropIdle(time.Now())
		if f := h.figures(); f.Busy || len(h.byIP) != 0 {
			t.Errorf("after a time without a byte: %+v, %v", f, h.byIP)
		}
	})
}

// clockSet is a reading of a clock that was set by some, while time itself went on evenly.
func clockSet(t *testing.T, now time.Time, by time.Duration) time.Time {
	t.Helper()
	const nsecShift = 30 // package time, on Time.wall: below the seconds are the nanoseconds
	set := now
	*(*uint64)(unsafe.Pointer(&set)) += uint64(by/time.Second) << nsecShift
	if got := set.Unix() - now.Unix(); got != int64(by/time.Second) || set.Sub(now) != 0 {
		t.Fatalf("this Go has another time.Time: %s and %s", now, set)
	}
	return set
}

// TestClockSet: a clock that is set drops nobody, and keeps nobody who is idle.
func TestClockSet(t *testing.T) {
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		h := newHub(free)
		t.Cleanup(h.close)
		for i := range maxConns {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { theirs.Close() })
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 9)
			if _, err := h.enter(addressed{ours, from.String()}, wayTCP); err != nil {
				t.Fatal(err)
			}
		}
		newcomer, set := netip.MustParseAddr("203.0.113.7"), clockSet(t, time.Now(), by)
		h.dropIdle(set)
		if err := h.admit(newcomer, set); len(h.conns) != maxConns || !errors.Is(err, errCrowded) {
			t.Errorf("set by %s: %d connections are left, a newcomer gets %v", by, len(h.conns), err)
		}
		if err := h.admit(newcomer, set.Add(spareConn)); err != nil {
			t.Errorf("set by %s: nobody made room: %v", by, err)
		}
		h.dropIdle(set.Add(idleConn))
		if len(h.conns) != 0 {
			t.Errorf("set by %s: %d idle connections are left", by, len(h.conns))
		}
	}
}

func TestPublished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "720p.mp4")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openPublished(path, 11); err == nil {
		t.Error("a file of another size was opened")
	}
	if _, err := openPublished(filepath.Dir(path), 10); err == nil {
		t.Error("a folder was opened")
	}
	p, err := openPublished(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	impl, err := p.OpenTorrent(t.Context(), nil, hash{})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := impl.NewReader().ReadAt(b, 3); err != nil || string(b) != "3456" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := impl.NewReader().ReadAt(b, 8); err != io.EOF {
		t.Errorf("beyond the end: %v", err)
	}
	piece := publishedPiece{p.file, 4}
	if _, err := piece.ReadAt(b, 2); err != nil || string(b) != "6789" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := piece.WriteAt(b, 0); !errors.Is(err, errReadOnly) {
		t.Errorf("it can be written: %v", err)
	}
	if c := piece.Completion(); !c.Ok || !c.Complete {
		t.Errorf("%+v", c)
	}
	if err := impl.Close(); err != nil {
		t.Error(err)
	}
}

func TestCandidates(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }
	at := []netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:8443"), netip.MustParseAddrPort("[2001:db8::1]:8443")}
	got := withCandidates(lines("v=0", "s=-", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:0",
		"a=candidate:1 1 udp 1 192.168.1.5 8443 typ host", "a=sendrecv", "a=end-of-candidates"), at)
	want := lines("v=0", "s=-", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:0", "a=sendrecv",
		"a=candidate:1 1 udp 2130706431 203.0.113.1 8443 typ host", "a=candidate:2 1 udp 2130706175 2001:db8::1 8443 typ host", "a=end-of-candidates")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := withCandidates("v=0\r\n", at); got != "v=0\r\n" {
		t.Errorf("without media: %q", got)
	}
}

// TestAddresses: peers are told the public addresses and not those at home.
func TestAddresses(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a := &answerer{socket: stun.Conn{UDPConn: conn}}
	port := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
	public := netip.MustParseAddr("203.0.113.1")
	for _, test := range []struct {
		name   string
		public []netip.Addr
		want   netip.Addr
	}{
		{"known", []netip.Addr{public}, public},
		{"unknown", nil, netip.MustParseAddr("127.0.0.1")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.addresses(test.public)
			if len(got) != 1 || got[0] != netip.AddrPortFrom(test.want, port) {
				t.Errorf("%v", got)
			}
		})
	}
}
