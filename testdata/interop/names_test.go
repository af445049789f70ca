//go:build interop

package interop

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names answers every question for an address with 127.0.0.1: PeerTube does not read the
// hosts file.
func names(t *testing.T) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:53")
	must(t, err)
	t.Cleanup(func() { socket.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: true, RecursionAvailable: true}
			m.Answers, m.Authorities, m.Additionals = nil, nil, nil
			if q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			if text, err := m.Pack(); err == nil {
				_, _ = socket.WriteTo(text, from)
			}
		}
	}()
}
