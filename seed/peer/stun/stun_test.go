package stun_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/peer/stun"
)

var viewer = netip.MustParseAddrPort("203.0.113.9:40000")

const (
	request = "0001"
	// id is the one of RFC 5769, behind the cookie.
	id = "2112a442 b7e7a701bc34d686fa87dfae"

	software    = "8022 0007 62726f7773657200" // "browser", padded
	fingerprint = "8028 0004 e57a3bcf"
	user        = "0006 0003 613a6200"
	integrity   = "0008 0014 0102030405060708090a0b0c0d0e0f1011121314"
)

// message makes a message of its kind and attributes, written as hexadecimal digits.
func message(t testing.TB, kind string, attributes ...string) []byte {
	t.Helper()
	body := digits(t, strings.Join(attributes, ""))
	return append(binary.BigEndian.AppendUint16(digits(t, kind), uint16(len(body))), append(digits(t, id), body...)...)
}

func digits(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors has the addresses of RFC 5769, sections 2.2 and 2.3, as they are masked there.
func TestVectors(t *testing.T) {
	for _, test := range []struct{ from, attribute string }{
		{"192.0.2.1:32853", "0020 0008 0001 a147 e112a643"},
		{"[2001:db8:1234:5678:11:2233:4455:6677]:32853", "0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9"},
	} {
		answer := new(stun.Responder).Answer(message(t, request), netip.MustParseAddrPort(test.from), time.Now())
		if want := message(t, "0101", test.attribute); !bytes.Equal(answer, want) {
			t.Errorf("%s: %x, want %x", test.from, answer, want)
		}
	}
}

// TestIsSTUN: what WebRTC has to see names a user. The request is that of RFC 5769, section 2.1.
func TestIsSTUN(t *testing.T) {
	check := message(t, request,
		"8022 0010 5354554e207465737420636c69656e74", "0024 0004 6e0001ff", "8029 0008 932ff9b151263b36",
		"0006 0009 6576746a3a68367659 202020", "0008 0014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2", fingerprint)
	for _, test := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"plain", message(t, request), true},
		{"answer", message(t, "0101"), true},
		{"connectivity check", check, false},
		{"connectivity check, cut", check[:len(check)-4], false},
		{"attribute cut", message(t, request, "8022 0008 0000"), false},
		{"half an attribute", message(t, request, "8022"), false},
		{"media", append([]byte{0x80, 0x01}, message(t, request)[2:]...), false},
		{"another cookie", bytes.Replace(message(t, request), []byte("\x21\x12"), []byte("\x21\x13"), 1), false},
	} {
		if got := stun.IsSTUN(test.packet); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestAnswers(t *testing.T) {
	asked := stun.Request()
	answer := new(stun.Responder).Answer(asked, viewer, time.Now())
	for _, test := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"answer", answer, true},
		{"echo", asked, false},
		{"to somebody else", new(stun.Responder).Answer(stun.Request(), viewer, time.Now()), false},
		{"cut", answer[:20], false},
		{"nothing", nil, false},
	} {
		if got := stun.Answers(test.packet, asked); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestAnswer(t *testing.T) {
	plain := message(t, request)
	for _, test := range []struct {
		name   string
		packet []byte
		from   netip.AddrPort
		want   bool
	}{
		{"plain", plain, viewer, true},
		{"IPv6", plain, netip.MustParseAddrPort("[2001:db8::1]:40000"), true},
		{"IPv4 in IPv6", plain, netip.MustParseAddrPort("[::ffff:203.0.113.9]:40000"), true},
		{"with software", message(t, request, software, fingerprint), viewer, true},
		{"with a user", message(t, request, user), viewer, false},
		{"signed", message(t, request, integrity), viewer, false},
		{"wants another port", message(t, request, "0003 0004 00000006"), viewer, false},
		{"an answer", message(t, "0101"), viewer, false},
		{"an indication", message(t, "0011"), viewer, false},
		{"TURN", message(t, "0003"), viewer, false},
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
	if !stun.Answers(answer, request) {
		t.Fatalf("%x does not answer %x", answer, request)
	}
	value := bytes.Clone(answer[24:])
	for i := range value[4:] {
		value[4+i] ^= answer[4+i]
	}
	ip, _ := netip.AddrFromSlice(value[4:])
	if port := binary.BigEndian.Uint16(value[2:]) ^ 0x2112; ip != from.Addr().Unmap() || port != from.Port() {
		t.Errorf("mapped %v %d, want %v", ip, port, from)
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
	asked := message(t, request)
	start := time.Unix(1_000_000, 0)
	count := func(r *stun.Responder, n int, at time.Time, from func(i int) netip.Addr) (answers int) {
		for i := range n {
			if r.Answer(asked, netip.AddrPortFrom(from(i), 40000), at) != nil {
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
	asked := stun.Request()
	for _, packet := range [][]byte{{}, []byte("noise"), make([]byte, 1400), asked} {
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
	check(t, asked, answer[:n], client.LocalAddr().(*net.UDPAddr).AddrPort())
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(message(f, request))
	f.Add(message(f, request, software, fingerprint))
	f.Add(message(f, request, user, integrity))
	f.Add([]byte{0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42, 19: 0, 23: 0})
	asked := message(f, request)
	f.Add(message(f, "0101", "0020 0008 0001 a147 e112a643"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := string(packet)
		answer := new(stun.Responder).Answer(packet, viewer, time.Now())
		if answer != nil && !stun.IsSTUN(packet) {
			t.Error("answered, though it is for WebRTC")
		}
		_ = stun.Answers(packet, asked)
		if string(packet) != before {
			t.Error("the packet was changed, which WebRTC reads after us")
		}
		if answer != nil {
			check(t, packet, answer, viewer)
		}
	})
}
