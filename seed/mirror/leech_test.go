package mirror

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// wanted is a file of five pieces of which nothing is there.
func wanted(t testing.TB) (data []byte, b *begun) {
	t.Helper()
	data = bytes.Repeat([]byte("video"), 128_000)
	torrent, err := metainfo.Build(t.Context(), bytes.NewReader(data), int64(len(data)), 0, "a", ".mp4")
	if err != nil {
		t.Fatal(err)
	}
	b, err = begin(t.Context(), filepath.Join(t.TempDir(), "a.part"), torrent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.file.Close() })
	return data, b
}

// seeder is a peer that does as it is told.
type seeder struct {
	bits  []byte
	after []byte // sent after the handshake in the place of what a good one says
	spoil func(piece, at uint32, block []byte) []byte
}

func (s seeder) listen(t *testing.T, data []byte, b *begun) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(conn, data, b)
			conn.Close()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

func (s seeder) serve(conn net.Conn, data []byte, b *begun) {
	hello := make([]byte, 68)
	if _, err := io.ReadFull(conn, hello); err != nil {
		return
	}
	if _, err := conn.Write(hello); err != nil {
		return
	}
	if s.after != nil {
		_, _ = conn.Write(s.after)
		return
	}
	w := &wire{conn, bufio.NewReader(conn)}
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(1+len(s.bits))), append([]byte{msgBitfield}, s.bits...)...))
	_ = w.send(msgUnchoke)
	for {
		kind, body, err := w.receive(100)
		if err != nil {
			return
		}
		if kind != msgRequest {
			continue
		}
		piece, at, n := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:]), binary.BigEndian.Uint32(body[8:])
		offset, _ := b.torrent.Piece(int(piece))
		block := bytes.Clone(data[offset+int64(at):][:n])
		if s.spoil != nil {
			block = s.spoil(piece, at, block)
		}
		m := binary.BigEndian.AppendUint32(nil, uint32(9+len(block)))
		m = binary.BigEndian.AppendUint32(append(m, msgPiece), piece)
		m = binary.BigEndian.AppendUint32(m, at)
		if _, err := conn.Write(append(m, block...)); err != nil {
			return
		}
	}
}

func TestLeech(t *testing.T) {
	tests := []struct {
		name    string
		seeder  seeder
		missing int
		fails   error // nil: any or none
	}{
		{"honest", seeder{bits: []byte{0xf8}}, 0, nil},
		{"has some", seeder{bits: []byte{0xa0}}, 3, nil},
		{"has none", seeder{bits: []byte{0}}, 5, nil},
		{"a wrong byte", seeder{bits: []byte{0xf8}, spoil: func(piece, at uint32, block []byte) []byte {
			if piece == 2 && at == 0 {
				block[7]++
			}
			return block
		}}, 3, errBadPieces},
		{"short blocks", seeder{bits: []byte{0xf8}, spoil: func(_, _ uint32, block []byte) []byte { return block[:1] }}, 5, errProtocol},
		{"long blocks", seeder{bits: []byte{0xf8}, spoil: func(_, _ uint32, block []byte) []byte { return append(block, block...) }}, 5, errProtocol},
		{"huge blocks", seeder{bits: []byte{0xf8}, spoil: func(_, _ uint32, block []byte) []byte { return make([]byte, 1<<20) }}, 5, errProtocol},
		{"a bitfield too long", seeder{bits: []byte{0xf8, 0}}, 5, errProtocol},
		{"a huge message", seeder{after: []byte{0x7f, 0xff, 0xff, 0xff, 5}}, 5, errProtocol},
		{"empty messages", seeder{after: make([]byte, 400)}, 5, errProtocol},
		{"a piece unasked", seeder{after: append([]byte{0, 0, 0, 1, msgUnchoke, 0, 0, 0, 10, msgPiece}, make([]byte, 9)...)}, 5, nil},
		{"nothing", seeder{after: []byte{}}, 5, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, b := wanted(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // some never end by themselves
			defer cancel()
			err := leechFrom(ctx, test.seeder.listen(t, data, b), b.torrent.InfoHash, b)
			if b.missing != test.missing {
				t.Errorf("%d pieces are missing, want %d (%v)", b.missing, test.missing, err)
			}
			if test.fails != nil && !errors.Is(err, test.fails) {
				t.Errorf("error %v, want %v", err, test.fails)
			}
			for i, have := range b.have {
				offset, size := b.torrent.Piece(i)
				piece := make([]byte, size)
				if _, err := b.file.ReadAt(piece, offset); have && (err != nil || !b.torrent.Check(i, piece)) {
					t.Errorf("piece %d is not what it should be", i)
				}
			}
		})
	}
}

// A home out in the world can't send us to what is beside us; one beside us can.
func TestReachable(t *testing.T) {
	for _, test := range []struct {
		home, addr string
		want       bool
	}{
		{"93.184.216.34", "93.184.216.35", true}, {"93.184.216.34", "2606:4700::1", true},
		{"93.184.216.34", "127.0.0.1", false}, {"93.184.216.34", "::1", false}, {"93.184.216.34", "::ffff:127.0.0.1", false},
		{"93.184.216.34", "10.0.0.1", false}, {"93.184.216.34", "100.64.0.1", false}, {"93.184.216.34", "fd00::1", false},
		{"93.184.216.34", "169.254.169.254", false}, {"2606:4700::1", "192.168.0.1", false}, {"93.184.216.34", "224.0.0.1", false},
		{"192.168.0.2", "192.168.0.3", true}, {"127.0.0.1", "127.0.0.1", true}, {"", "192.168.0.3", false},
	} {
		home, _ := netip.ParseAddr(test.home)
		if got := reachable(home, netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("%s from %q: %v", test.addr, test.home, got)
		}
	}
}

// FuzzLeech lets a peer say anything after a good handshake.
func FuzzLeech(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, msgBitfield, 0xf8, 0, 0, 0, 1, msgUnchoke, 0, 0, 0, 10, msgPiece, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 5, msgHave, 0, 0, 0, 1, 0, 0, 0, 1, msgUnchoke, 0, 0, 0, 1, 0})
	_, b := wanted(f)
	f.Fuzz(func(t *testing.T, said []byte) {
		w := &wire{Conn: deaf{}, in: bufio.NewReader(bytes.NewReader(said))}
		bits, err := w.admitted(b)
		if err == nil {
			err = w.download(b, bits)
		}
		if b.missing != 5 {
			t.Errorf("it got a piece out of %x: %v", said, err)
		}
	})
}

// deaf is a connection that takes everything.
type deaf struct{ net.Conn }

func (deaf) Write(b []byte) (int, error) { return len(b), nil }
func (deaf) SetDeadline(time.Time) error { return nil }

// FuzzFeed lets a server say anything in its feed.
func FuzzFeed(f *testing.F) {
	f.Add([]byte(`{"version":"https://jsonfeed.org/version/1.1","items":[{"url":"https://a.example/w/1","date_published":"2026-01-01T00:00:00Z",
		"attachments":[{"url":"https://a.example/1.torrent","mime_type":"application/x-bittorrent"},{"url":"https://b.example/1.torrent","mime_type":"application/x-bittorrent"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p page
		if json.Unmarshal(text, &p) != nil {
			return
		}
		for _, i := range p.Items {
			i.published()
			for _, address := range i.torrents("https://a.example") {
				if len(address) < len("https://a.example") {
					t.Errorf("took %q", address)
				}
			}
		}
	})
}
