package knock_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/seed/peer/stun"
	"github.com/tubelet/tubelet/server/knock"
)

// friend is a server that answers the tests, which come from the address who says.
type friend struct {
	on   bool
	who  netip.Addr
	home []netip.Prefix
	tcp  []uint16
}

func (f *friend) serve(t *testing.T) string {
	t.Helper()
	k := knock.New(knock.Config{
		On:      func(context.Context) (bool, error) { return f.on, nil },
		Address: func(*http.Request) netip.Addr { return f.who },
		Private: func(context.Context) ([]netip.Prefix, error) { return f.home, nil },
		TCP:     f.tcp,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+knock.Path, k.Look)
	mux.HandleFunc("POST "+knock.Path, k.Take)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func loopback() *friend {
	return &friend{on: true, who: netip.MustParseAddr("127.0.0.1"), home: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func caller(t *testing.T, base string) *knock.Caller {
	t.Helper()
	c, err := knock.NewCaller(base, "tcp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// listener counts who connects.
func listener(t *testing.T) (port uint16, came chan []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	came = make(chan []byte, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(conn)
			conn.Close()
			came <- text
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port), came
}

func TestLook(t *testing.T) {
	open, came := listener(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut := uint16(closed.Addr().(*net.TCPAddr).Port)
	closed.Close()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	go new(stun.Responder).Serve(udp)
	answers := uint16(udp.LocalAddr().(*net.UDPAddr).Port)

	f := loopback()
	f.tcp = []uint16{open, shut}
	a, date, err := caller(t, f.serve(t)).Look(t.Context(), answers, http.Header{"Digest": {"x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := knock.Answer{Schema: 1, Address: f.who, Headers: []string{"Digest"}, Doors: []knock.Door{
		{Network: "tcp", Port: open, Open: true},
		{Network: "tcp", Port: shut, Why: "refused"},
		{Network: "udp", Port: answers, Open: true},
	}}
	if diff := cmp.Diff(want, a, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
	if date.IsZero() {
		t.Error("no date")
	}
	select {
	case text := <-came:
		if len(text) > 0 {
			t.Errorf("it sent %q over TCP", text)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody came")
	}
}

func TestLookUDPSilent(t *testing.T) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	f := loopback()
	f.tcp = []uint16{}
	port := uint16(udp.LocalAddr().(*net.UDPAddr).Port)
	a, _, err := caller(t, f.serve(t)).Look(t.Context(), port, nil)
	if err != nil || len(a.Doors) != 1 || a.Doors[0].Open || a.Doors[0].Why != "silent" {
		t.Fatalf("%+v %v", a, err)
	}
	// What a target gets for one question: two packets of twenty bytes.
	buf := make([]byte, 1500)
	for range 2 {
		n, _, err := udp.ReadFromUDP(buf)
		if err != nil || n != 20 {
			t.Errorf("a packet of %d bytes, %v", n, err)
		}
	}
	_ = udp.SetReadDeadline(time.Now())
	if n, _, err := udp.ReadFromUDP(buf); err == nil {
		t.Errorf("a third packet of %d bytes", n)
	}
}

// TestNobodyElse tries to have it connect to what it should not.
func TestNobodyElse(t *testing.T) {
	open, came := listener(t)
	for name, who := range map[string]string{
		"loopback": "127.0.0.1", "private": "192.168.1.2", "carrier": "100.64.0.1", "link": "169.254.169.254", "mapped": "::ffff:127.0.0.1", "local6": "fd00::1",
	} {
		t.Run(name, func(t *testing.T) {
			f := &friend{on: true, who: netip.MustParseAddr(who), tcp: []uint16{open}}
			base := f.serve(t)
			a, _, err := caller(t, base).Look(t.Context(), 20000, nil)
			if err != nil || len(a.Doors) != 0 {
				t.Errorf("%+v %v", a, err)
			}
			// No word of the request names another target.
			res, err := http.Get(base + knock.Path + "?address=127.0.0.1&tcp=" + strconv.Itoa(int(open)) + "&port=" + strconv.Itoa(int(open)))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		})
	}
	select {
	case <-came:
		t.Error("it connected")
	default:
	}
	for _, port := range []string{"53", "0", "1023", "65536", "x", "-1"} {
		res, err := http.Get(loopback().serve(t) + knock.Path + "?udp=" + port)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("udp=%s was answered %d", port, res.StatusCode)
		}
	}
}

func TestSeldom(t *testing.T) {
	f := loopback()
	f.tcp = []uint16{}
	c := caller(t, f.serve(t))
	for i := range 5 {
		_, _, err := c.Look(t.Context(), 0, nil)
		if wanted := i >= 3; errors.Is(err, knock.ErrBusy) != wanted {
			t.Errorf("question %d: %v", i+1, err)
		}
	}
	// Everybody together: other households, one question each.
	f2 := &friend{on: true, tcp: []uint16{}}
	c = caller(t, f2.serve(t))
	answered := 0
	for i := range 40 {
		f2.who = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		if _, _, err := c.Look(t.Context(), 0, nil); err == nil {
			answered++
		}
	}
	if answered < 16 || answered > 20 {
		t.Errorf("%d of 40 at once were answered", answered)
	}
	// A household has many IPv6 addresses, which count as one.
	f3 := &friend{on: true, tcp: []uint16{}}
	c = caller(t, f3.serve(t))
	answered = 0
	for i := range 10 {
		f3.who = netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: byte(i)})
		if _, _, err := c.Look(t.Context(), 0, nil); err == nil {
			answered++
		}
	}
	if answered != 3 {
		t.Errorf("%d of 10 from one network were answered", answered)
	}
}

func TestOff(t *testing.T) {
	f := loopback()
	f.on = false
	c := caller(t, f.serve(t))
	if _, _, err := c.Look(t.Context(), 0, nil); err == nil {
		t.Error("it was answered")
	}
	if _, err := c.Upload(t.Context(), time.Second); err == nil {
		t.Error("it was taken")
	}
}

func TestUpload(t *testing.T) {
	base := loopback().serve(t)
	rate, err := caller(t, base).Upload(t.Context(), time.Nanosecond)
	if err != nil || rate < 1e6 {
		t.Errorf("%.0f bytes a second on the loopback, %v", rate, err)
	}
	for n, want := range map[int]int{knock.MaxUpload: http.StatusOK, knock.MaxUpload + 1: http.StatusRequestEntityTooLarge, 0: http.StatusRequestEntityTooLarge} {
		res, err := http.Post(base+knock.Path, "application/octet-stream", bytes.NewReader(make([]byte, n)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d bytes were answered %d, want %d", n, res.StatusCode, want)
		}
	}
}

func TestNewCaller(t *testing.T) {
	for _, base := range []string{"", "friend.example", "ftp://friend.example", "https://me:x@friend.example", "https://"} {
		if _, err := knock.NewCaller(base, "tcp", nil); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}
