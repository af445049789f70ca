package mirror

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestDial: a name of the world that leads here reaches nothing; an address that somebody
// typed does.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if conn, err := dial(t.Context(), "tube.example", "tcp", l.Addr().String()); !errors.Is(err, errHomeNetwork) {
		t.Errorf("connected to %v: %v", conn, err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "nas", "nas.local", "::1"} {
		conn, err := dial(t.Context(), host, "tcp", l.Addr().String())
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		conn.Close()
	}
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "::ffff:93.184.216.34": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.1.1": false, "169.254.169.254": false,
		"0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "240.0.0.1": false,
		"::1": false, "::": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
		"fe80::1": false, "fc00::1": false, "ff02::1": false, "2001:db8::1": false, "2001::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
