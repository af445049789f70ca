package peer_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/anacrolix/utp"
	"github.com/pion/webrtc/v4"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// leech is a peer of our own making, so that it can misbehave too.
type leech struct {
	net.Conn
	in *bufio.Reader
}

// Messages of the peer protocol (BEP 3).
const (
	msgChoke         = 0
	msgUnchoke       = 1
	msgInterested    = 2
	msgNotInterested = 3
	msgHave          = 4
	msgBitfield      = 5
	msgRequest       = 6
	msgPiece         = 7
	msgExtended      = 20
)

const block = 16 << 10

func newLeech(conn net.Conn) *leech {
	return &leech{Conn: conn, in: bufio.NewReaderSize(conn, 128<<10)}
}

// greet does the handshake.
func (l *leech) greet(h metainfo.Hash) error {
	hello := append([]byte("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x00\x00\x00"), h[:]...)
	hello = append(hello, fmt.Sprintf("-XX0001-%012d", time.Now().UnixNano()%1e12)...)
	if _, err := l.Write(hello); err != nil {
		return err
	}
	answer := make([]byte, len(hello))
	if _, err := io.ReadFull(l.in, answer); err != nil {
		return err
	}
	if !bytes.Equal(answer[28:48], h[:]) {
		return errors.New("another torrent answers")
	}
	return nil
}

func (l *leech) send(kind byte, body []byte) error {
	m := binary.BigEndian.AppendUint32(nil, uint32(1+len(body)))
	_, err := l.Write(append(append(m, kind), body...))
	return err
}

func (l *leech) receive() (kind byte, body []byte, err error) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(l.in, head[:]); err != nil {
			return 0, nil, err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 {
			continue
		}
		if n > 1<<20 {
			return 0, nil, fmt.Errorf("a message of %d bytes", n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(l.in, body); err != nil {
			return 0, nil, err
		}
		return body[0], body[1:], nil
	}
}

func request(piece int, begin, size int64) []byte {
	var b []byte
	b = binary.BigEndian.AppendUint32(b, uint32(piece))
	b = binary.BigEndian.AppendUint32(b, uint32(begin))
	return binary.BigEndian.AppendUint32(b, uint32(size))
}

// start greets and waits until it may ask.
func (l *leech) start(h metainfo.Hash) error {
	if err := l.greet(h); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if err := l.send(msgInterested, nil); err != nil {
		return err
	}
	for {
		switch kind, _, err := l.receive(); {
		case err != nil:
			return fmt.Errorf("wait to be unchoked: %w", err)
		case kind == msgUnchoke:
			return nil
		}
	}
}

// download fetches the whole file and checks every piece.
func (l *leech) download(t metainfo.Torrent) ([]byte, error) {
	if err := l.start(t.InfoHash); err != nil {
		return nil, err
	}
	file := make([]byte, t.Length)
	next, got := int64(0), int64(0)
	ask := func() error {
		if next >= t.Length {
			return nil
		}
		piece := int(next / t.PieceLength)
		offset, size := t.Piece(piece)
		n := min(block, offset+size-next)
		begin := next - offset
		next += n
		return l.send(msgRequest, request(piece, begin, n))
	}
	for range 64 {
		if err := ask(); err != nil {
			return nil, err
		}
	}
	for got < t.Length {
		kind, body, err := l.receive()
		if err != nil {
			return nil, fmt.Errorf("after %d bytes: %w", got, err)
		}
		if kind != msgPiece {
			continue
		}
		at := int64(binary.BigEndian.Uint32(body))*t.PieceLength + int64(binary.BigEndian.Uint32(body[4:]))
		got += int64(copy(file[at:], body[8:]))
		if err := ask(); err != nil {
			return nil, err
		}
	}
	for i := range t.Pieces() {
		offset, size := t.Piece(i)
		if !t.Check(i, file[offset:offset+size]) {
			return nil, fmt.Errorf("piece %d is wrong", i)
		}
	}
	return file, nil
}

// The three ways to s.

func (s *site) dialTCP() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.listening())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *site) dialUTP() net.Conn {
	s.t.Helper()
	conn, err := utp.Dial(s.listening())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// dialWebRTC connects as a browser does: an offer, complete with its candidates, through
// Answer.
func (s *site) dialWebRTC(h metainfo.Hash) net.Conn {
	s.t.Helper()
	conn, err := dialWebRTC(s.t, func(ctx context.Context, offer string) (string, error) { return s.seed.Answer(ctx, h, offer) })
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func dialWebRTC(t *testing.T, answer func(context.Context, string) (string, error)) (net.Conn, error) {
	var e webrtc.SettingEngine
	e.DetachDataChannels()
	e.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { pc.Close() })
	channel, err := pc.CreateDataChannel("test", nil)
	if err != nil {
		return nil, err
	}
	open := make(chan struct{})
	channel.OnOpen(func() { close(open) })
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	<-gathered
	sdp, err := answer(t.Context(), pc.LocalDescription().SDP)
	if err != nil {
		return nil, err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		return nil, err
	}
	select {
	case <-open:
	case <-time.After(20 * time.Second):
		return nil, errors.New("no data channel")
	}
	raw, err := channel.DetachWithDeadline()
	if err != nil {
		return nil, err
	}
	return &dataConn{ReadWriteCloser: raw, in: bufio.NewReaderSize(raw, 256<<10), deadline: raw.SetReadDeadline, pc: pc}, nil
}

type dataConn struct {
	io.ReadWriteCloser
	in       *bufio.Reader
	deadline func(time.Time) error
	pc       *webrtc.PeerConnection
}

func (c *dataConn) Read(b []byte) (int, error)        { return c.in.Read(b) }
func (c *dataConn) LocalAddr() net.Addr               { return nil }
func (c *dataConn) RemoteAddr() net.Addr              { return nil }
func (c *dataConn) SetDeadline(t time.Time) error     { return c.deadline(t) }
func (c *dataConn) SetReadDeadline(t time.Time) error { return c.deadline(t) }
func (c *dataConn) SetWriteDeadline(time.Time) error  { return nil }
