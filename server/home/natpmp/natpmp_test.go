package natpmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// router is one on loopback.
type router struct {
	conn    *net.UDPConn
	answers func(r *router, request []byte, from *net.UDPAddr) [][]byte // nil for the usual ones

	mu    sync.Mutex
	epoch uint32
	asked []string // what was asked for, as text
}

func newRouter(t *testing.T, answers func(*router, []byte, *net.UDPAddr) [][]byte) *router {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &router{conn: conn, answers: answers, epoch: 1000}
	done := make(chan bool)
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 100)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			for _, a := range r.answer(buf[:n], from) {
				_, _ = conn.WriteToUDP(a, from)
			}
		}
	}()
	return r
}

func (r *router) answer(request []byte, from *net.UDPAddr) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, fmt.Sprintf("%x", request))
	if r.answers != nil {
		return r.answers(r, request, from)
	}
	return [][]byte{r.usual(request)}
}

// usual is what the RFC wants a router to say.
func (r *router) usual(request []byte) []byte {
	if len(request) == 2 {
		return append(head(0, opAddress, r.epoch), 203, 0, 113, 7)
	}
	return append(head(0, request[1], r.epoch), bytes.Join([][]byte{request[4:6], request[6:8], request[8:12]}, nil)...)
}

func head(code uint16, op byte, epoch uint32) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, op + answers}, code)
	return binary.BigEndian.AppendUint32(b, epoch)
}

func (r *router) client(tries int) *Client {
	return New(netip.MustParseAddrPort(r.conn.LocalAddr().String()), tries)
}

func (r *router) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.asked = nil }()
	return r.asked
}

// between changes what the router is, between two answers.
func (r *router) between(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// TestMapping holds what is sent against the pictures of section 3.
func TestMapping(t *testing.T) {
	r := newRouter(t, nil)
	c := r.client(3)
	if a, err := c.Address(t.Context()); err != nil || a != netip.MustParseAddr("203.0.113.7") {
		t.Errorf("%v, %v", a, err)
	}
	for _, protocol := range []string{"tcp", "udp"} {
		if given, err := c.Map(t.Context(), protocol, 443, time.Hour); err != nil || given != time.Hour {
			t.Errorf("%s: for %v, %v", protocol, given, err)
		}
	}
	if err := c.Unmap(t.Context(), "tcp", 443); err != nil {
		t.Error(err)
	}
	if _, err := c.Map(t.Context(), "sctp", 443, time.Hour); err == nil {
		t.Error("sctp is mapped")
	}
	want := []string{"0000", "0002000001bb01bb00000e10", "0001000001bb01bb00000e10", "0002000001bb000000000000"}
	if diff := cmp.Diff(want, r.took()); diff != "" {
		t.Error(diff)
	}
}

// TestRestart has a router forget what it mapped, which its clock tells.
func TestRestart(t *testing.T) {
	broken := false
	r := newRouter(t, func(r *router, request []byte, _ *net.UDPAddr) [][]byte {
		if broken && len(request) > 2 {
			return [][]byte{head(3, request[1], r.epoch)}
		}
		return [][]byte{r.usual(request)}
	})
	c := r.client(3)
	for _, port := range []uint16{443, 80} {
		if _, err := c.Map(t.Context(), "tcp", port, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	look := func(what string, want int) {
		t.Helper()
		r.took()
		if _, err := c.Address(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.took(); len(got) != want {
			t.Errorf("%s: asked %q", what, got)
		}
	}
	look("all is well", 1)
	r.between(func() { r.epoch-- })
	look("a second behind", 1)
	r.between(func() { broken, r.epoch = true, 3 })
	look("a restart, and it maps nothing yet", 3)
	r.between(func() { broken = false })
	look("it maps again", 3)
	look("all is well again", 1)
	if err := c.Unmap(t.Context(), "tcp", 80); err != nil {
		t.Fatal(err)
	}
	r.between(func() { r.epoch = 0 })
	look("a restart with one port left", 2)
}

func TestRestarted(t *testing.T) {
	for _, test := range []struct {
		before, now uint32
		passed      time.Duration
		want        bool
	}{
		{1000, 1000, 0, false}, {1000, 999, 0, false}, {1000, 998, 0, false}, {1000, 997, 0, true},
		{1000, 1300, 5 * time.Minute, false}, {1000, 1261, 5 * time.Minute, false}, {1000, 1259, 5 * time.Minute, true},
		{1000, 290, 5 * time.Minute, true}, {0, 1 << 31, time.Second, false}, {1<<32 - 1, 0, time.Hour, true},
		{1<<32 - 1, 1<<32 - 1, time.Hour, true}, {5, 5, -time.Hour, false},
	} {
		if got := restarted(test.before, test.now, test.passed); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestRefusals has the router say no, also in a datagram that ends after the clock.
func TestRefusals(t *testing.T) {
	for code, want := range map[uint16]string{1: "another version", 2: "switched off", 3: "no connection", 4: "no room", 5: "does not do", 99: "code 99"} {
		for _, more := range []int{0, 4, 8} {
			r := newRouter(t, func(_ *router, request []byte, _ *net.UDPAddr) [][]byte {
				return [][]byte{append(head(code, request[1], 7), make([]byte, more)...)}
			})
			c := r.client(1)
			if _, err := c.Map(t.Context(), "tcp", 443, time.Hour); err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrSilent) {
				t.Errorf("code %d: %v", code, err)
			}
			if a, err := c.Address(t.Context()); err == nil || a.IsValid() {
				t.Errorf("code %d: %v, %v", code, a, err)
			}
			if len(c.kept) != 0 {
				t.Errorf("code %d: kept %v", code, c.kept)
			}
		}
	}
}

// TestOtherPort has a router offer a port outside that no address names.
func TestOtherPort(t *testing.T) {
	for name, test := range map[string]struct {
		outer, lease string
		want         string
		taken        []string // what is asked after
	}{
		"another port": {"20fb", "00000e10", "port 8443 instead", []string{"0002000001bb000000000000"}},
		"ends at once": {"01bb", "00000000", "at once", nil},
	} {
		r := newRouter(t, func(_ *router, request []byte, _ *net.UDPAddr) [][]byte {
			var rest []byte
			_, _ = fmt.Sscanf(test.outer+test.lease, "%x", &rest)
			if bytes.Equal(request[8:], make([]byte, 4)) {
				rest = make([]byte, 6)
			}
			return [][]byte{bytes.Join([][]byte{head(0, request[1], 7), request[4:6], rest}, nil)}
		})
		c := r.client(1)
		if _, err := c.Map(t.Context(), "tcp", 443, time.Hour); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got := r.took()[1:]; !cmp.Equal(got, test.taken, cmp.Transformer("text", func(s []string) string { return strings.Join(s, " ") })) || len(c.kept) != 0 {
			t.Errorf("%s: then asked %q, kept %v", name, got, c.kept)
		}
	}
}

// TestHostile sends what is not the answer before the answer, and then nothing else.
func TestHostile(t *testing.T) {
	wrong := map[string]func(right []byte) []byte{
		"nothing":         func([]byte) []byte { return nil },
		"short":           func(right []byte) []byte { return right[:len(right)-1] },
		"long":            func(right []byte) []byte { return append(bytes.Clone(right), 0) },
		"another version": func(right []byte) []byte { return append([]byte{2}, right[1:]...) },
		"another answer":  func(right []byte) []byte { return append([]byte{0, answers + opUDP}, right[2:]...) },
		"a request":       func(right []byte) []byte { return append([]byte{0, opTCP}, right[2:]...) },
		"another port":    func(right []byte) []byte { return append(append(bytes.Clone(right[:8]), 0, 80), right[10:]...) },
		"a long refusal":  func(right []byte) []byte { return append([]byte{0, right[1], 0, 2, 0, 0, 0, 0}, make([]byte, 30)...) },
	}
	for name, bad := range wrong {
		t.Run(name, func(t *testing.T) {
			right := true
			r := newRouter(t, func(r *router, request []byte, _ *net.UDPAddr) [][]byte {
				list := [][]byte{bad(r.usual(request)), bad(r.usual(request))}
				if right {
					list = append(list, r.usual(request))
				}
				return list
			})
			c := r.client(1)
			if given, err := c.Map(t.Context(), "tcp", 443, time.Hour); err != nil || given != time.Hour {
				t.Errorf("for %v, %v", given, err)
			}
			r.between(func() { right = false })
			if given, err := c.Map(t.Context(), "tcp", 443, time.Hour); !errors.Is(err, ErrSilent) {
				t.Errorf("taken: for %v, %v", given, err)
			}
		})
	}
}

// TestOtherSource has somebody on the network answer before the router does, and somebody
// who does nothing else.
func TestOtherSource(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "127.0.0.2:0"} {
		other, err := net.ListenPacket("udp4", address)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		r := newRouter(t, func(r *router, request []byte, from *net.UDPAddr) [][]byte {
			for range 3 {
				_, _ = other.WriteTo(append(head(0, opAddress, 1), 198, 51, 100, 66), from)
			}
			return [][]byte{r.usual(request)}
		})
		if a, err := r.client(2).Address(t.Context()); err != nil || a != netip.MustParseAddr("203.0.113.7") {
			t.Errorf("%v, %v", a, err)
		}
	}
}

// TestSilence has the first requests get lost, all of them, and nobody be there.
func TestSilence(t *testing.T) {
	n := 0
	r := newRouter(t, func(r *router, request []byte, _ *net.UDPAddr) [][]byte {
		if n++; n < 3 {
			return nil
		}
		return [][]byte{r.usual(request)}
	})
	if _, err := r.client(3).Address(t.Context()); err != nil {
		t.Errorf("two were lost: %v", err)
	}
	if got := r.took(); len(got) != 3 {
		t.Errorf("asked %q", got)
	}
	r.between(func() { n = 0 })
	if _, err := r.client(2).Address(t.Context()); !errors.Is(err, ErrSilent) || len(r.took()) != 2 {
		t.Errorf("all were lost: %v", err)
	}
	gone := newRouter(t, nil)
	c := gone.client(9) // of which the waits are two minutes: nobody waits for a port that is closed
	gone.conn.Close()
	if _, err := c.Address(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("nobody is there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	silent := newRouter(t, func(*router, []byte, *net.UDPAddr) [][]byte { cancel(); return nil })
	if _, err := silent.client(9).Address(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a stop: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	request := mapping{opTCP, 443}.request(443, time.Hour)
	f.Add(append(head(0, opTCP, 7), 1, 0xbb, 1, 0xbb, 0, 0, 14, 16), true)
	f.Add(append(head(0, opAddress, 7), 203, 0, 113, 7), false)
	f.Add(head(2, opTCP, 7), true)
	f.Fuzz(func(t *testing.T, text []byte, mapped bool) {
		asked := []byte{0, opAddress}
		if mapped {
			asked = request
		}
		a, ok := parse(text, asked)
		if !ok {
			if a != (answer{}) && a.code == 0 {
				t.Errorf("%x is no answer, and says %+v", text, a)
			}
			return
		}
		if len(text) > 16 || a.code == 0 && a.address.IsValid() == mapped {
			t.Errorf("%x is taken for an answer to %x: %+v", text, asked, a)
		}
		_ = a.refusal()
	})
}

const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
`

func TestGateway(t *testing.T) {
	line := func(dest, gate, flags, metric, mask string) string {
		return strings.Join([]string{"eth0", dest, gate, flags, "0", "0", metric, mask, "0", "0", "0"}, "\t") + "    \n"
	}
	at := func(a, b, c, d byte) string {
		return fmt.Sprintf("%08X", binary.NativeEndian.Uint32([]byte{a, b, c, d}))
	}
	none := "00000000"
	for name, test := range map[string]struct{ table, want string }{
		"one":            {table + line(none, at(192, 168, 1, 1), "0003", "100", none) + line(at(192, 168, 1, 0), none, "0001", "100", at(255, 255, 255, 0)), "192.168.1.1"},
		"the least":      {line(none, at(10, 0, 0, 1), "0003", "600", none) + line(none, at(192, 168, 1, 1), "0003", "100", none) + line(none, at(10, 0, 0, 3), "0003", "600", none), "192.168.1.1"},
		"down":           {line(none, at(10, 0, 0, 1), "0002", "0", none), ""},
		"no gateway":     {line(none, none, "0001", "0", none), ""},
		"half of it all": {line(none, at(10, 8, 0, 1), "0003", "0", at(128, 0, 0, 0)), ""},
		"nothing":        {table, ""},
		"nonsense":       {"a b c\n" + line(none, "xyz", "0003", "0", none) + line(none, "C0A801", "0003", "0", none), ""},
	} {
		got, err := Gateway(test.table)
		if test.want == "" && err == nil || test.want != "" && (err != nil || got.String() != test.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzGateway(f *testing.F) {
	f.Add(table + "eth0	00000000	0101A8C0	0003	0	0	100	00000000	0	0	0\n")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := Gateway(text); err == nil && (!a.Is4() || a.IsUnspecified()) {
			t.Errorf("%v", a)
		}
	})
}
