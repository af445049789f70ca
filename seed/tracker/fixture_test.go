package tracker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
)

const deadline = 20 * time.Second // of what is expected; a busy machine needs it

// The infohashes of the fixture: a video, a swarm of p2p-media-loader, and a stranger.
var (
	video   = metainfo.Hash{1, 0, 0xff}
	second  = metainfo.Hash{2}
	loader  = metainfo.Hash([]byte("jmyb00DrkKHT2GRoVbVx"))
	unknown = metainfo.Hash{9}
)

// origin has room for everything.
type origin struct{}

func (origin) Queue() time.Duration { return 0 }
func (origin) Drain() float64       { return 1 << 20 }

func media() *swarm.Media {
	m := &swarm.Media{Size: 10 << 20, PieceLength: 128 << 10}
	for i := range 40 {
		m.Segments = append(m.Segments, swarm.Segment{
			Offset: int64(i) * 256 << 10, Size: 256 << 10,
			Start: time.Duration(i) * 2 * time.Second, Duration: 2 * time.Second,
		})
	}
	return m
}

// rig is a tracker behind a server.
type rig struct {
	t *testing.T
	*tracker.Tracker
	url string
}

// start runs a tracker; change alters its configuration.
func start(t *testing.T, change func(*tracker.Config)) rig {
	t.Helper()
	room := media()
	cfg := tracker.Config{
		Coordinator: swarm.New(origin{}),
		OwnOrigin:   func(origin string) bool { return origin == "https://tube.example" },
		Find: func(h metainfo.Hash) (tracker.Swarm, bool) {
			switch h {
			case video, second, metainfo.Hash{3}, metainfo.Hash{4}, metainfo.Hash{5}:
				return tracker.Swarm{Video: "k3v9", Rendition: "720p", Size: room.Size, Room: room}, true
			case loader:
				return tracker.Swarm{Video: "k3v9", Rendition: "720p", Size: room.Size}, true
			}
			return tracker.Swarm{}, false
		},
		// Tests say who they are, so that limits by address can be tried on one machine.
		Address: func(r *http.Request) netip.Addr {
			if addr, err := netip.ParseAddr(r.Header.Get("Test-Address")); err == nil {
				return addr
			}
			return netip.AddrFrom4([4]byte{192, 0, 2, 1})
		},
	}
	if change != nil {
		change(&cfg)
	}
	made := tracker.New(cfg)
	mux := http.NewServeMux()
	mux.HandleFunc("/tracker/socket", made.Socket)
	mux.HandleFunc("/tracker/announce", made.Announce)
	mux.HandleFunc("/tracker/scrape", made.Scrape)
	server := httptest.NewServer(mux)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- made.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return rig{t, made, server.URL}
}

// client is one WebSocket.
type client struct {
	t    *testing.T
	conn *websocket.Conn
	id   [20]byte
}

// dial opens a socket with headers "name: value".
func (r rig) dial(id byte, headers ...string) client {
	r.t.Helper()
	conn, _, err := r.try(headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return client{r.t, conn, [20]byte{'-', id, 0xe9}}
}

func (r rig) try(headers ...string) (*websocket.Conn, *http.Response, error) {
	header := http.Header{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		header.Set(name, value)
	}
	ctx, end := context.WithTimeout(context.Background(), deadline)
	defer end()
	return websocket.Dial(ctx, "ws"+strings.TrimPrefix(r.url, "http")+"/tracker/socket", &websocket.DialOptions{HTTPHeader: header})
}

// latin writes 20 bytes as the WebTorrent protocol does.
func latin(b [20]byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

func hex(b [20]byte) string { return metainfo.Hash(b).String() }

// object is a JSON object.
type object map[string]any

func (c client) send(o object) {
	c.t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(b)
}

func (c client) write(b []byte) {
	c.t.Helper()
	ctx, end := context.WithTimeout(context.Background(), deadline)
	defer end()
	if err := c.conn.Write(ctx, websocket.MessageText, b); err != nil {
		c.t.Fatal(err)
	}
}

// receive returns the next message for which want is true.
func (c client) receive(what string, want func(object) bool) object {
	c.t.Helper()
	ctx, end := context.WithTimeout(context.Background(), deadline)
	defer end()
	for {
		_, b, err := c.conn.Read(ctx)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", what, err)
		}
		var o object
		if err := json.Unmarshal(b, &o); err != nil {
			c.t.Fatalf("waiting for %s: %v in %s", what, err, b)
		}
		if want(o) {
			return o
		}
	}
}

// next returns the next message of an action.
func (c client) next(action string) object {
	c.t.Helper()
	return c.receive(action, func(o object) bool { return o["action"] == action })
}

// announce announces with n offers and returns the tracker's word on it.
func (c client) announce(h metainfo.Hash, left, n int) object {
	c.t.Helper()
	c.send(c.announcement(h, left, n))
	return c.receive("the answer to an announce", func(o object) bool { return o["offer"] == nil && o["answer"] == nil })
}

func (c client) announcement(h metainfo.Hash, left, n int) object {
	offers := []object{}
	for i := range n {
		offers = append(offers, object{
			"offer_id": latin([20]byte{c.id[1], byte(i), 0x80}),
			"offer":    object{"type": "offer", "sdp": fmt.Sprintf("sdp of %d/%d", c.id[1], i), "extra": "not passed on"},
		})
	}
	return object{
		"action": "announce", "info_hash": latin(h), "peer_id": latin(c.id), "event": "started",
		"left": left, "numwant": n, "uploaded": 0, "downloaded": 0, "offers": offers,
	}
}

// join joins a swarm as our page does.
func (c client) join(h metainfo.Hash) object {
	c.t.Helper()
	c.send(object{"action": "join", "info_hash": h.String(), "peer_id": hex(c.id), "duration": 80})
	return c.receive("the answer to a join", func(o object) bool { return o["action"] == "swarm" || o["action"] == "refuse" })
}

// offered returns the next offer passed on to c.
func (c client) offered() object {
	c.t.Helper()
	return c.receive("an offer", func(o object) bool { return o["offer"] != nil })
}

// answer answers an offer.
func (c client) answer(h metainfo.Hash, offer object) {
	c.t.Helper()
	c.send(object{
		"action": "announce", "info_hash": latin(h), "peer_id": latin(c.id), "to_peer_id": offer["peer_id"],
		"offer_id": offer["offer_id"], "answer": object{"type": "answer", "sdp": "answer of " + fmt.Sprint(c.id[1])},
	})
}

// closed waits until the tracker has closed the socket.
func (c client) closed() {
	c.t.Helper()
	ctx, end := context.WithTimeout(context.Background(), deadline)
	defer end()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			if ctx.Err() != nil {
				c.t.Error("the socket stays open")
			}
			return
		}
	}
}

// poll waits until the figures are as wanted.
func (r rig) poll(what string, want func(tracker.Stats) bool) {
	r.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if want(r.Stats()) {
			return
		}
	}
	r.t.Errorf("%s did not come about: %+v", what, r.Stats())
}
