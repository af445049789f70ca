package share

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
)

// childArg makes the test's own program the seed's process.
const childArg = "share-test-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		conn, err := peer.Inherited()
		if err == nil {
			err = peer.Child(context.Background(), os.Stdin, os.Stdout, conn)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestSeedThroughTheServer fetches a piece as a WebTorrent program does: an offer to the
// tracker's socket, our seed's answer, a data channel, BitTorrent.
func TestSeedThroughTheServer(t *testing.T) {
	c := newChannel(t, func(cfg *Config) {
		cfg.Seed = func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], childArg) }
	})
	defer c.running(t)()
	until(t, "the port is open", func() bool { return c.seeder.stun(c.cfg.Channel) != "" })
	server := httptest.NewServer(http.HandlerFunc(c.Socket))
	defer server.Close()
	socket, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	must(t, err)
	defer socket.CloseNow()

	channel, err := connect(t, func(offer string) (string, error) { return announce(t.Context(), socket, c.hash, offer) })
	must(t, err)
	torrent, err := c.index.share(t.Context(), c.hash)
	must(t, err)
	piece, err := fetch(channel, torrent.Torrent, 1)
	must(t, err)
	if !torrent.Torrent.Check(1, piece) {
		t.Error("the piece is not what it should be")
	}
	until(t, "the bytes are counted", func() bool { return c.traffic.counts()["webrtc"] >= int64(len(piece)) })
}

// TestCommitsLeaveTheSeed: a seed that has crashed too often stays off, whatever else is
// written to the database, until the creator switches it off and on.
func TestCommitsLeaveTheSeed(t *testing.T) {
	c := newChannel(t, func(cfg *Config) {
		cfg.Seed = func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], childArg) }
	})
	heed := func(setting string) string {
		t.Helper()
		if setting != "" {
			must(t, c.store.SetSetting(t.Context(), "seed", setting))
		}
		_, err := c.seeder.heed(t.Context(), 0)
		must(t, err)
		return c.seeder.current().seed.Stats().State
	}
	defer c.seeder.stop()
	if got := heed(""); got != peer.Idle {
		t.Errorf("at first: %s", got)
	}
	c.seeder.current().seed.Switch(false) // as if it had failed
	for _, step := range []struct{ setting, want string }{{"", peer.Off}, {"off", peer.Off}, {"on", peer.Idle}} {
		if got := heed(step.setting); got != step.want {
			t.Errorf("after %q: %s, want %s", step.setting, got, step.want)
		}
	}
}

// announce sends an offer and waits for the answer to it.
func announce(ctx context.Context, socket *websocket.Conn, h metainfo.Hash, sdp string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	latin := func(b []byte) string {
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes)
	}
	text, err := json.Marshal(map[string]any{
		"action": "announce", "info_hash": latin(h[:]), "peer_id": latin([]byte("-WW0208-123456789012")), "event": "started", "left": 1, "numwant": 1,
		"offers": []any{map[string]any{"offer_id": "one", "offer": map[string]any{"type": "offer", "sdp": sdp}}},
	})
	if err == nil {
		err = socket.Write(ctx, websocket.MessageText, text)
	}
	for err == nil {
		if _, text, err = socket.Read(ctx); err != nil {
			break
		}
		var heard struct{ Answer *struct{ SDP string } }
		if err = json.Unmarshal(text, &heard); heard.Answer != nil {
			return heard.Answer.SDP, err
		}
	}
	return "", err
}

// connect opens a data channel to who answers the offer.
func connect(t *testing.T, answer func(offer string) (string, error)) (io.ReadWriteCloser, error) {
	t.Helper()
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
	sdp, err := answer(pc.LocalDescription().SDP)
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
	return channel.Detach()
}

// fetch asks for one piece by the peer protocol (BEP 3).
func fetch(channel io.ReadWriteCloser, torrent metainfo.Torrent, piece int) ([]byte, error) {
	const block = 16 << 10
	in := messages{channel, nil}
	hello := "\x13BitTorrent protocol\x00\x00\x00\x00\x00\x00\x00\x00" + string(torrent.InfoHash[:]) + "-WW0208-123456789012"
	if _, err := channel.Write([]byte(hello + "\x00\x00\x00\x01\x02")); err != nil { // and we are interested
		return nil, err
	}
	if err := in.skip(len(hello)); err != nil {
		return nil, err
	}
	_, size := torrent.Piece(piece)
	got := make([]byte, size)
	for left := size; left > 0; {
		kind, body, err := in.next()
		switch {
		case err != nil:
			return nil, err
		case kind == 1: // we may ask
			for at := int64(0); at < size; at += block {
				ask := []byte{0, 0, 0, 13, 6}
				for _, n := range []int64{int64(piece), at, min(block, size-at)} {
					ask = binary.BigEndian.AppendUint32(ask, uint32(n))
				}
				if _, err := channel.Write(ask); err != nil {
					return nil, err
				}
			}
		case kind == 7 && len(body) > 8:
			left -= int64(copy(got[binary.BigEndian.Uint32(body[4:]):], body[8:]))
		}
	}
	return got, nil
}

// messages reads a stream from a channel that has messages of its own.
type messages struct {
	from io.Reader
	have []byte
}

// fill waits until n bytes are there.
func (m *messages) fill(n int) error {
	part := make([]byte, 256<<10)
	for len(m.have) < n {
		k, err := m.from.Read(part)
		if err != nil {
			return err
		}
		m.have = append(m.have, part[:k]...)
	}
	return nil
}

func (m *messages) skip(n int) error {
	if err := m.fill(n); err != nil {
		return err
	}
	m.have = m.have[n:]
	return nil
}

func (m *messages) next() (kind byte, body []byte, err error) {
	for {
		if err := m.fill(4); err != nil {
			return 0, nil, err
		}
		n := int(binary.BigEndian.Uint32(m.have))
		if n > 1<<20 {
			return 0, nil, errors.New("a message too long")
		}
		if err := m.fill(4 + n); err != nil {
			return 0, nil, err
		}
		whole := m.have[4 : 4+n]
		m.have = m.have[4+n:]
		if n > 0 {
			return whole[0], whole[1:], nil
		}
	}
}
