package child

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/tubelet/tubelet/seed/peer/stun"
)

// TestNoMulticast: whoever sends an offer does not have us ask the home network for names,
// which would be done over a socket at port 5353.
func TestNoMulticast(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a, err := newAnswerer(stun.Conn{UDPConn: conn, Responder: new(stun.Responder)}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	pc, err := a.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := describe(t.Context(), pc, offer(t)); err != nil {
		t.Fatal(err)
	}
	if n := socketsAt(t, "14E9"); n > 0 {
		t.Errorf("%d sockets at port 5353", n)
	}
	if socketsAt(t, "") == 0 {
		t.Error("the test sees no sockets at all")
	}
}

// offer returns an offer with a candidate as browsers name themselves at home.
func offer(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.CreateDataChannel("peer", nil); err != nil {
		t.Fatal(err)
	}
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return o.SDP + "a=candidate:1 1 udp 2113937151 7bd7dc5b-6d6d-4d0c-b3c0-2f2d8f1c6f3a.local 50000 typ host\r\n"
}

// tables returns the kernel's lists of UDP sockets.
func tables(t *testing.T) string {
	t.Helper()
	var all string
	for _, name := range []string{"/proc/self/net/udp", "/proc/self/net/udp6"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}

// socketsAt counts our own UDP sockets whose port, in hexadecimal digits, ends in port.
func socketsAt(t *testing.T, port string) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil {
			ours[target] = true
		}
	}
	for line := range strings.Lines(tables(t)) {
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], port) && ours["socket:["+f[9]+"]"] {
			n++
		}
	}
	return n
}
