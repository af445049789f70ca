package stun_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	lib "github.com/pion/stun/v4"

	"github.com/tubelet/tubelet/seed/peer/stun"
)

var viewer = netip.MustParseAddrPort("203.0.113.9:40000")

func message(t testing.TB, setters ...lib.Setter) []byte {
	t.Helper()
	m, err := lib.Build(append([]lib.Setter{lib.TransactionID}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func TestAnswer(t *testing.T) {
	plain := message(t, lib.BindingRequest)
	for _, test := range []struct {
		name   string
		packet []byte
		from   netip.AddrPort
		want   bool
	}{
		{"plain", plain, viewer, true},
		{"IPv6", plain, netip.MustParseAddrPort("[2001:db8::1]:40000"), true},
		{"IPv4 in IPv6", plain, netip.MustParseAddrPort("[::ffff:203.0.113.9]:40000"), true},
		{"with software", message(t, lib.BindingRequest, lib.NewSoftware("browser"), lib.Fingerprint), viewer, true},
		{"with a user", message(t, lib.BindingRequest, lib.NewUsername("a:b")), viewer, false},
		{"signed", message(t, lib.BindingRequest, lib.NewShortTermIntegrity("secret")), viewer, false},
		{"wants another port", message(t, lib.BindingRequest, lib.RawAttribute{Type: lib.AttrChangeRequest, Value: []byte{0, 0, 0, 6}}), viewer, false},
		{"an answer", message(t, lib.BindingSuccess), viewer, false},
		{"an indication", message(t, lib.NewType(lib.MethodBinding, lib.ClassIndication)), viewer, false},
		{"TURN", message(t, lib.NewType(lib.MethodAllocate, lib.ClassRequest)), viewer, false},
		{"port 0", plain, netip.MustParseAddrPort("203.0.113.9:0"), false},
		{"cut", plain[:19], viewer, false},
		{"too long", append(append([]byte(nil), plain...), 0, 0, 0, 0), viewer, false},
		{"empty", nil, viewer, false},
		{"not STUN", []byte("GET / HTTP/1.1\r\n\r\n and more"), viewer, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := new(stun.Responder).Answer(test.packet, test.from, time.Now())
			if (answer != nil) != test.want {
				t.Fatalf("answer %x", answer)
			}
			if test.want {
				check(t, test.packet, answer, test.from)
			}
		})
	}
}

// check looks at an answer as a browser does, and at what a forger would gain by it.
func check(t testing.TB, request, answer []byte, from netip.AddrPort) {
	t.Helper()
	m := &lib.Message{Raw: answer}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	var mapped lib.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil {
		t.Fatal(err)
	}
	if want := net.IP(from.Addr().Unmap().AsSlice()); !mapped.IP.Equal(want) || mapped.Port != int(from.Port()) {
		t.Errorf("mapped %v, want %v", mapped, from)
	}
	headers := 28 // IPv4 and UDP
	if from.Addr().Unmap().Is6() {
		headers = 48
	}
	if gain := float64(len(answer)+headers) / float64(len(request)+headers); gain > 1.4 {
		t.Errorf("%d bytes for %d: %.2f times on the wire", len(answer), len(request), gain)
	}
}

func TestRate(t *testing.T) {
	request := message(t, lib.BindingRequest)
	start := time.Unix(1_000_000, 0)
	count := func(r *stun.Responder, n int, at time.Time, from func(i int) netip.Addr) (answers int) {
		for i := range n {
			if r.Answer(request, netip.AddrPortFrom(from(i), 40000), at) != nil {
				answers++
			}
		}
		return answers
	}
	one := func(int) netip.Addr { return viewer.Addr() }
	for _, test := range []struct {
		name string
		from func(i int) netip.Addr
		want int
	}{
		{"one address", one, 50},
		{"one IPv6 line", func(i int) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i), 14: byte(i >> 8)})
		}, 50},
		{"everybody", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}) }, 2000},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r stun.Responder
			if got := count(&r, 10_000, start, test.from); got != test.want {
				t.Errorf("%d answers in one second, want %d", got, test.want)
			}
			if got := count(&r, 1, start.Add(time.Second), test.from); got != 1 {
				t.Error("no answer in the next")
			}
		})
	}
}

func TestServe(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	served := make(chan error, 1)
	go func() { served <- new(stun.Responder).Serve(conn) }()
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := message(t, lib.BindingRequest)
	for _, packet := range [][]byte{{}, []byte("noise"), make([]byte, 1400), request} {
		if _, err := client.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	answer := make([]byte, 1500)
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := client.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	check(t, request, answer[:n], client.LocalAddr().(*net.UDPAddr).AddrPort())
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(message(f, lib.BindingRequest))
	f.Add(message(f, lib.BindingRequest, lib.NewSoftware("x"), lib.Fingerprint))
	f.Add(message(f, lib.BindingRequest, lib.NewUsername("a:b"), lib.NewShortTermIntegrity("p")))
	f.Add([]byte{0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42, 19: 0, 23: 0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := string(packet)
		answer := new(stun.Responder).Answer(packet, viewer, time.Now())
		_ = stun.IsSTUN(packet)
		if string(packet) != before {
			t.Error("the packet was changed, which WebRTC reads after us")
		}
		if answer != nil {
			check(t, packet, answer, viewer)
		}
	})
}
