package peer_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// from dials TCP from an address of our own choice: all of 127.0.0.0/8 is loopback.
func (s *site) from(ip string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 20 * time.Second}
	return d.Dial("tcp", s.listening())
}

// serves checks that a well-behaved peer at ip still gets everything.
func (s *site) serves(ip string, torrent metainfo.Torrent, data []byte) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := s.from(ip)
		if err != nil {
			s.t.Fatal(err)
		}
		got, err := newLeech(conn).download(torrent)
		conn.Close()
		if err == nil && bytes.Equal(got, data) {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("a well-behaved peer got %d bytes: %v", len(got), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if st := s.seed.Stats(); st.Crashes != 0 {
		s.t.Errorf("%d crashes:\n%s", st.Crashes, s.said())
	}
}

// closed waits until the other side hangs up.
func closed(conn net.Conn) error {
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	_, err := io.Copy(io.Discard, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the connection lives on")
	}
	return nil
}

// TestManyChannels: one connection carries one channel. More of them would wait unread, and
// WebRTC has room for 65,000.
func TestManyChannels(t *testing.T) {
	s := newSite(t, nil)
	torrent, _ := s.publish(1 << 20)
	conn := s.dialWebRTC(torrent.InfoHash).(*dataConn)
	if err := newLeech(conn).start(torrent.InfoHash); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.pc.CreateDataChannel("another", nil); err != nil {
		t.Fatal(err)
	}
	if err := closed(conn); err != nil {
		t.Error(err)
	}
	if st := s.seed.Stats(); st.Crashes != 0 {
		t.Errorf("%d crashes:\n%s", st.Crashes, s.said())
	}
}

// TestAbuse is F5 of the list of attacks: whatever a peer does, it is cut off where it
// costs us something, and seeding goes on.
func TestAbuse(t *testing.T) {
	for _, a := range append(rudeGreetings(), rudeMessages()...) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, withTCP)
			torrent, data := s.publish(1<<20 + 77)
			conn, err := s.from("127.0.0.66")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			l := newLeech(conn)
			if a.greeted {
				if err := l.start(torrent.InfoHash); err != nil {
					t.Fatal(err)
				}
			}
			a.do(l)
			s.serves("127.0.0.2", torrent, data)
			if a.cut {
				if err := closed(conn); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// attack is something a peer does. What it writes may fail: it is being cut off.
type attack struct {
	name    string
	greeted bool // it begins as others do
	cut     bool // it must be cut off
	do      func(l *leech)
}

func rudeGreetings() []attack {
	return []attack{
		{"no greeting", false, true, func(*leech) {}},
		{"another protocol", false, true, func(l *leech) {
			_, _ = l.Write([]byte("GET / HTTP/1.1\r\nHost: example.org\r\n" + strings.Repeat("x: y\r\n", 300)))
		}},
		{"unknown torrent", false, true, func(l *leech) { _ = l.greet(metainfo.Hash{1}) }},
		{"half a greeting", false, true, func(l *leech) { _, _ = l.Write([]byte("\x13BitTorrent protocol\x00\x00")) }},
	}
}

func rudeMessages() []attack {
	return []attack{
		{"made-up pieces", true, true, func(l *leech) {
			piece := append(request(0, 0, 0)[:8], make([]byte, block)...)
			for range 200 {
				_ = l.send(msgPiece, piece)
			}
		}},
		{"huge message", true, true, func(l *leech) {
			_, _ = l.Write(append(binary.BigEndian.AppendUint32(nil, 1<<31-1), msgPiece))
		}},
		{"huge bitfield", true, true, func(l *leech) { _ = l.send(msgBitfield, bytes.Repeat([]byte{0xff}, 300<<10)) }},
		{"oversized request", true, false, func(l *leech) { _ = l.send(msgRequest, request(0, 0, 1<<31)) }},
		{"request outside", true, false, func(l *leech) { _ = l.send(msgRequest, request(1<<30, 0, block)) }},
		{"piece outside", true, false, func(l *leech) { _ = l.send(msgHave, []byte{0xff, 0xff, 0xff, 0xff}) }},
		{"flood of requests, never reading", true, true, func(l *leech) {
			_ = l.SetWriteDeadline(time.Now().Add(20 * time.Second))
			flood := bytes.Repeat(append([]byte{0, 0, 0, 13, msgRequest}, request(0, 0, block)...), 4096)
			for range 64 {
				_, _ = l.Write(flood)
			}
		}},
		{"extended nonsense", true, false, func(l *leech) {
			for _, text := range []string{
				"\x00d1:md11:ut_metadatai1e6:ut_pexi2eee", "\x00de", "\x00", "\x01d8:msg_typei0e5:piecei-1ee",
				"\x01d8:msg_typei1e5:piecei0e10:total_sizei-5ee", "\x02x", "",
			} {
				_ = l.send(msgExtended, []byte(text))
			}
		}},
	}
}

// TestBanned: who was cut off for what it sent does not come back at once.
func TestBanned(t *testing.T) {
	s := newSite(t, withTCP)
	torrent, data := s.publish(1 << 20)
	conn, err := s.from("127.0.0.66")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l := newLeech(conn)
	if err := l.start(torrent.InfoHash); err != nil {
		t.Fatal(err)
	}
	keepAlives := make([]byte, block) // messages without a body: nobody needs four thousand
	for {
		if _, err := l.Write(keepAlives); err != nil {
			break
		}
	}
	again, err := s.from("127.0.0.66")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := newLeech(again).start(torrent.InfoHash); err == nil {
		t.Error("it was let in again")
	}
	s.serves("127.0.0.2", torrent, data)
}

// TestRandomMessages: well-framed nonsense after a proper greeting.
func TestRandomMessages(t *testing.T) {
	s := newSite(t, withTCP)
	torrent, data := s.publish(1 << 20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		conn, err := s.from("127.0.1." + string(rune('1'+i%9)))
		if err != nil {
			t.Fatal(err)
		}
		l := newLeech(conn)
		if err := l.start(torrent.InfoHash); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			body := make([]byte, random.IntN(40))
			for j := range body {
				body[j] = byte(random.IntN(256) >> random.IntN(9))
			}
			if l.send(byte(random.IntN(24)), body) != nil {
				break
			}
		}
		conn.Close()
	}
	s.serves("127.0.0.2", torrent, data)
}

// TestThousandConnections: from one address, and from many. Those who say nothing are cut
// off, and others are served.
func TestThousandConnections(t *testing.T) {
	for _, test := range []struct {
		name string
		ip   func(i int) string
	}{
		{"one address", func(int) string { return "127.0.0.66" }},
		{"many", func(i int) string { return "127.0." + string(rune('1'+i%9)) + "." + string(rune('1'+i/9%9)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, withTCP)
			torrent, data := s.publish(1 << 20)
			s.listening()
			var dials sync.WaitGroup
			var mu sync.Mutex
			var conns []net.Conn
			limit := make(chan struct{}, 64)
			for i := range 1000 {
				limit <- struct{}{}
				dials.Go(func() {
					defer func() { <-limit }()
					conn, err := s.from(test.ip(i))
					if err != nil {
						return
					}
					if i%2 == 0 {
						_ = newLeech(conn).greet(torrent.InfoHash)
					}
					mu.Lock()
					conns = append(conns, conn)
					mu.Unlock()
				})
			}
			dials.Wait()
			s.serves("127.0.0.2", torrent, data)
			if n := s.seed.Stats().Connections["tcp"]; n > 200 {
				t.Errorf("%d connections", n)
			}
			for _, conn := range conns {
				conn.Close()
			}
		})
	}
}

// TestWebRTCAbuse: what only a data channel can do, and offers that are none.
func TestWebRTCAbuse(t *testing.T) {
	s := newSite(t, nil)
	torrent, _ := s.publish(1 << 20)
	for _, offer := range []string{"", "v=0", strings.Repeat("a", 16<<10), "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"} {
		if _, err := s.seed.Answer(t.Context(), torrent.InfoHash, offer); err == nil {
			t.Errorf("an answer to %.40q", offer)
		}
	}
	conn := s.dialWebRTC(torrent.InfoHash)
	l := newLeech(conn)
	if err := l.start(torrent.InfoHash); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if _, err := conn.Write(make([]byte, 60<<10)); err != nil {
			break
		}
	}
	if err := closed(conn); err != nil {
		t.Error(err)
	}
	if _, err := newLeech(s.dialWebRTC(torrent.InfoHash)).download(torrent); err == nil {
		t.Error("who sent 2 MiB of nothing was let in again at once")
	}
	if st := s.seed.Stats(); st.Crashes != 0 {
		t.Errorf("%d crashes:\n%s", st.Crashes, s.said())
	}
}
