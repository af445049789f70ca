package mirror

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/seed/bencode"
)

// Other mirrors are asked before the channel's own server, whose line mirrors exist to
// spare. This is the smallest client that the peer protocol (BEP 3) allows: it asks one seed
// at a time for whole pieces and gives nothing itself, since a piece here is of no use to
// others before the file is on the shelf.
const (
	maxTried   = 5                // peers for one file
	peerWait   = 30 * time.Second // for a peer's next message
	dialTime   = 10 * time.Second
	block      = 16 << 10
	admitTime  = time.Minute   // for a peer to let us ask
	leastGiven = 256 << 10     // bytes in each peerWait: who drips would hold up the round for days
	pipeline   = 64            // blocks asked for at a time
	maxParts   = 12            // pieces begun at a time,
	partBytes  = 32 << 20      // and their bytes, from two on
	maxMessage = 2*block + 13  // of what we asked for; a bitfield has a limit of its own
	ownSeed    = "-TL"         // how the tracker calls its own seed
	maxBits    = (1 << 18) / 8 // bytes of a bitfield
)

// The messages that matter.
const (
	msgUnchoke    = 1
	msgInterested = 2
	msgHave       = 4
	msgBitfield   = 5
	msgRequest    = 6
	msgPiece      = 7
)

var (
	errProtocol = errors.New("it does not keep to the protocol")
	errSlow     = errors.New("it gives next to nothing")
)

// leech gets what it can from other mirrors. What is missing then comes from the web seed.
func (m *Mirror) leech(ctx context.Context, f File, b *begun) {
	peers, err := m.peers(ctx, f)
	if err != nil {
		m.log.Debug("no peers", "infohash", f.hash, "err", err)
	}
	for i, peer := range peers {
		if b.missing == 0 || ctx.Err() != nil || i >= maxTried {
			return
		}
		before := b.missing
		err := leechFrom(ctx, peer, f.hash, b)
		m.log.Debug("peer asked", "infohash", f.hash, "pieces", before-b.missing, "err", err)
	}
}

// peers asks the tracker who has the file.
func (m *Mirror) peers(ctx context.Context, f File) ([]netip.AddrPort, error) {
	query := url.Values{
		"info_hash": {string(f.hash[:])}, "peer_id": {"-TM0001-fetching0000"}, "port": {"1"},
		"uploaded": {"0"}, "downloaded": {"0"}, "left": {strconv.FormatInt(f.Bytes, 10)}, "compact": {"0"},
	}
	var home netip.Addr
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if at, err := netip.ParseAddrPort(c.Conn.RemoteAddr().String()); err == nil {
			home = at.Addr()
		}
	}})
	text, err := m.get(traced, f.Base+"/tracker/announce?"+query.Encode(), 64<<10)
	if err != nil {
		return nil, err
	}
	query.Set("event", "stopped") // nobody should come to port 1
	_, _ = m.get(ctx, f.Base+"/tracker/announce?"+query.Encode(), 64<<10)
	answer, err := bencode.Decode(text, 1000)
	if err != nil {
		return nil, err
	}
	list, _ := answer.Get("peers", bencode.List)
	var peers []netip.AddrPort
	for _, p := range list.Items {
		ip, _ := p.Get("ip", bencode.String)
		port, _ := p.Get("port", bencode.Int)
		id, _ := p.Get("peer id", bencode.String)
		addr, err := netip.ParseAddr(string(ip.Bytes))
		if err == nil && reachable(home, addr) && port.Num > 1 && port.Num <= 65535 && !strings.HasPrefix(string(id.Bytes), ownSeed) {
			peers = append(peers, netip.AddrPortFrom(addr, uint16(port.Num)))
		}
	}
	return peers, nil
}

// reachable reports whether a home may send us to an address. One out in the world has no
// business with what stands beside us.
func reachable(home, addr netip.Addr) bool {
	return public(addr) || home.IsValid() && !public(home)
}

// wire is a connection to a peer.
type wire struct {
	net.Conn
	in *bufio.Reader
}

// leechFrom fetches missing pieces from one peer, until it has no more of them.
func leechFrom(ctx context.Context, peer netip.AddrPort, hash [20]byte, b *begun) error {
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, "tcp", peer.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	w := &wire{conn, bufio.NewReaderSize(conn, 2*block)}
	if err := w.greet(hash); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	bits, err := w.admitted(b)
	if err != nil {
		return fmt.Errorf("wait to be let in: %w", err)
	}
	return w.download(b, bits)
}

func (w *wire) greet(hash [20]byte) error {
	const protocol = "\x13BitTorrent protocol\x00\x00\x00\x00\x00\x00\x00\x00"
	_ = w.SetDeadline(time.Now().Add(peerWait))
	if _, err := w.Write([]byte(protocol + string(hash[:]) + "-TM0001-fetching0000")); err != nil {
		return err
	}
	answer := make([]byte, 68)
	if _, err := io.ReadFull(w.in, answer); err != nil {
		return err
	}
	if string(answer[:20]) != protocol[:20] || !bytes.Equal(answer[28:48], hash[:]) {
		return errProtocol
	}
	return w.send(msgInterested)
}

// admitted waits until we may ask, and returns what the peer says it has.
func (w *wire) admitted(b *begun) (have []bool, err error) {
	have = make([]bool, len(b.have))
	late := time.Now().Add(admitTime)
	for range 2*len(have) + 100 { // it may tell piece by piece
		if time.Now().After(late) {
			return nil, errSlow
		}
		kind, body, err := w.receive(maxBits)
		switch {
		case err != nil:
			return nil, err
		case kind == msgUnchoke:
			return have, nil
		case kind == msgHave && len(body) == 4:
			if i := binary.BigEndian.Uint32(body); i < uint32(len(have)) {
				have[i] = true
			}
		case kind == msgBitfield:
			if len(body) != (len(have)+7)/8 {
				return nil, errProtocol
			}
			for i := range have {
				have[i] = body[i/8]&(0x80>>(i%8)) != 0
			}
		}
	}
	return nil, errProtocol
}

// part is a piece that is coming in.
type part struct {
	bytes []byte
	left  int64 // bytes
}

// download asks for one block after the other, some ahead, and puts pieces together.
func (w *wire) download(b *begun, bits []bool) error {
	parts := map[int]*part{}
	most := int(max(2, min(maxParts, partBytes/b.torrent.PieceLength)))
	next, at, asked := 0, int64(0), 0 // the block to ask for, and how many are on their way
	since, given := time.Now(), 0
	for {
		for ; asked < pipeline && next < len(bits); asked++ {
			for next < len(bits) && (b.have[next] || !bits[next]) {
				next++
			}
			if next == len(bits) || at == 0 && len(parts) >= most {
				break
			}
			_, size := b.torrent.Piece(next)
			if at == 0 {
				parts[next] = &part{make([]byte, size), size}
			}
			n := min(block, size-at)
			if err := w.send(msgRequest, uint32(next), uint32(at), uint32(n)); err != nil {
				return err
			}
			if at += n; at == size {
				next, at = next+1, 0
			}
		}
		if asked == 0 {
			return nil
		}
		kind, body, err := w.receive(maxMessage)
		if err != nil {
			return err
		}
		if kind == 0 {
			return errors.New("it will give no more")
		}
		if kind == msgPiece {
			if err := collect(b, parts, body); err != nil {
				return err
			}
			asked--
			given += len(body)
		}
		if time.Since(since) > peerWait {
			if given < leastGiven {
				return errSlow
			}
			since, given = time.Now(), 0
		}
	}
}

// collect takes a block in.
func collect(b *begun, parts map[int]*part, body []byte) error {
	if len(body) < 9 {
		return errProtocol
	}
	i, at, data := int(binary.BigEndian.Uint32(body)), int64(binary.BigEndian.Uint32(body[4:])), body[8:]
	p := parts[i]
	if p == nil || at%block != 0 || int64(len(data)) != min(block, int64(len(p.bytes))-at) {
		return errProtocol
	}
	copy(p.bytes[at:], data)
	if p.left -= int64(len(data)); p.left > 0 {
		return nil
	}
	delete(parts, i)
	return b.add(i, p.bytes)
}

func (w *wire) send(kind byte, numbers ...uint32) error {
	m := binary.BigEndian.AppendUint32(nil, uint32(1+4*len(numbers)))
	m = append(m, kind)
	for _, n := range numbers {
		m = binary.BigEndian.AppendUint32(m, n)
	}
	_ = w.SetDeadline(time.Now().Add(peerWait))
	_, err := w.Write(m)
	return err
}

// receive returns the next message that is not empty, of at most limit bytes.
func (w *wire) receive(limit uint32) (kind byte, body []byte, err error) {
	_ = w.SetDeadline(time.Now().Add(peerWait))
	for range 10 { // empty ones keep a connection alive
		var head [4]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			return 0, nil, err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 {
			continue
		}
		if n > max(limit, maxMessage)+1 {
			return 0, nil, errProtocol
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(w.in, body); err != nil {
			return 0, nil, err
		}
		return body[0], body[1:], nil
	}
	return 0, nil, errProtocol
}
