package share

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/store"
)

// netListener takes a UDP port of the loopback interface.
type netListener struct{ *net.UDPConn }

func (n *netListener) listen() (*netListener, error) {
	var err error
	n.UDPConn, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	return n, err
}

func (n *netListener) port() int { return n.LocalAddr().(*net.UDPAddr).Port }

func TestClaims(t *testing.T) {
	c := newChannel(t, nil)
	viewer := swarm.Peer(strings.Repeat("ab", 20))
	ticket := join(t, c, viewer)
	r := store.Rendition{File: "360p.mp4", Infohash: c.hash.String(), Bandwidth: 800_000}
	for _, w := range []struct {
		name, target, rng, viewer string
		address                   string
		rendition                 store.Rendition
		download                  bool
		from, to                  int64
		class                     budget.Class
		way                       budget.Way
	}{
		{"a program that takes the whole file", "/", "", "", "a", r, false, 0, film, budget.Bulk, budget.HTTP},
		{"a download", "/", "bytes=0-", "", "a", r, true, 0, film, budget.Bulk, budget.HTTP},
		{"an original", "/", "bytes=0-", "", "a", store.Rendition{}, false, 0, film, budget.Bulk, budget.HTTP},
		{"a first start", "/?first=1000", "", "", "b", r, false, 0, 1000, budget.Start, budget.HTTP},
		{"a second start", "/", "bytes=0-999", "", "b", r, false, 0, 1000, budget.Start, budget.HTTP},
		{"a third start of one address", "/", "bytes=0-999", "", "b", r, false, 0, 1000, budget.Plain, budget.HTTP},
		{"another address", "/", "bytes=0-999", "", "c", r, false, 0, 1000, budget.Start, budget.HTTP},
		{"the whole film from its start", "/", "bytes=0-", "", "f", r, false, 0, 100 << 20, budget.Plain, budget.HTTP},
		{"a made-up first", "/?first=x", "", "", "g", r, false, 0, 100 << 20, budget.Plain, budget.HTTP},
		{"on and on", "/", "bytes=1000-", "", "d", r, false, 1000, film, budget.Plain, budget.HTTP},
		{"who joined, at its start", "/", "bytes=0-999", ticket, "e", r, false, 0, 1000, budget.Start, budget.Swarm},
		{"who calls itself as that viewer does", "/", "bytes=2000-2999", string(viewer), "e", r, false, 2000, 3000, budget.Plain, budget.HTTP},
		{"who calls itself a viewer", "/", "bytes=500000-600000", strings.Repeat("cd", 20), "e", r, false, 500_000, 600_001, budget.Plain, budget.HTTP},
		{"who says nonsense", "/", "bytes=500000-600000", "first, please", "e", r, false, 500_000, 600_001, budget.Plain, budget.HTTP},
	} {
		q := httptest.NewRequest("GET", w.target, nil)
		if w.rng != "" {
			q.Header.Set("Range", w.rng)
		}
		if w.viewer != "" {
			q.Header.Set(Viewer, w.viewer)
		}
		got, done := c.claim(Sending{Request: q, Address: w.address, Rendition: w.rendition, Download: w.download}, w.from, w.to)
		done(w.to - w.from)
		if got.Class != w.class || got.Way != w.way {
			t.Errorf("%s: class %d by %d, want %d by %d", w.name, got.Class, got.Way, w.class, w.way)
		}
		if want := map[bool]string{true: string(viewer), false: w.address}[w.way == budget.Swarm]; got.Viewer != want {
			t.Errorf("%s: fairness counts by %q, want %q", w.name, got.Viewer, want)
		}
	}
}

// TestMirrorsWait: what calls itself a mirror fetches for later, whatever part it asks for.
func TestMirrorsWait(t *testing.T) {
	c := newChannel(t, nil)
	r := store.Rendition{File: "360p.mp4", Infohash: c.hash.String(), Bandwidth: 800_000}
	q := httptest.NewRequest("GET", "/", nil)
	q.Header.Set("Range", "bytes=0-999")
	q.Header.Set("User-Agent", "Tubelet-Mirror")
	if got, _ := c.claim(Sending{Request: q, Address: "a", Rendition: r}, 0, 1000); got.Class != budget.Bulk {
		t.Errorf("class %d, want %d", got.Class, budget.Bulk)
	}
}

// join has a viewer join over a socket and returns the ticket that it is given.
func join(t *testing.T, c channelOf, viewer swarm.Peer) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(c.Socket))
	t.Cleanup(server.Close)
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	must(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	text := fmt.Sprintf(`{"action":"join","info_hash":%q,"peer_id":%q}`, c.hash, viewer)
	must(t, conn.Write(t.Context(), websocket.MessageText, []byte(text)))
	_, answer, err := conn.Read(t.Context())
	must(t, err)
	var news struct{ Ticket string }
	must(t, json.Unmarshal(answer, &news))
	return news.Ticket
}

// What passes the gate is the same, with a limit and without, and is counted.
func TestGate(t *testing.T) {
	c := newChannel(t, nil)
	body := bytes.Repeat([]byte("0123456789"), 60_000)
	sending := Sending{Request: httptest.NewRequest("GET", "/", nil), Address: "a", Rendition: store.Rendition{File: "360p.mp4"}}
	for i, rate := range []string{"none", "100MB"} {
		must(t, c.store.SetSetting(t.Context(), "upload.rate", rate))
		must(t, c.Limit(t.Context()))
		var got bytes.Buffer
		g := c.Gate(sending, &got, 0, int64(len(body)))
		n, err := g.(io.ReaderFrom).ReadFrom(&io.LimitedReader{R: bytes.NewReader(body), N: int64(len(body))})
		must(t, err)
		must(t, g.Close())
		if n != int64(len(body)) || !bytes.Equal(got.Bytes(), body) {
			t.Errorf("%s: %d bytes came through", rate, n)
		}
		if counted := c.traffic.counts()["http"]; counted != int64((i+1)*len(body)) {
			t.Errorf("%s: %d counted in all", rate, counted)
		}
	}
	must(t, c.Flush(t.Context()))
	must(t, c.Flush(t.Context()))
	today, month, err := c.store.Traffic(t.Context(), time.Now())
	if want := int64(2 * len(body)); err != nil || today["http"] != want || month["http"] != want {
		t.Errorf("stored %v, %v, %v", today, month, err)
	}
}

func TestStarts(t *testing.T) {
	s := newStarts()
	now := time.Unix(1_760_000_000, 0)
	for i, want := range []bool{true, true, false} {
		if got := s.allow("a", now); got != want {
			t.Errorf("start %d: %v", i, got)
		}
	}
	if !s.allow("b", now) || !s.allow("a", now.Add(startWindow)) {
		t.Error("another address, or later, is no start")
	}
}

// TestWhatWasSentIsBelieved: a viewer who was alone loads without a ticket. What it says that it
// has then counts, so that the next one is not sent it again; what never left does not.
func TestWhatWasSentIsBelieved(t *testing.T) {
	const part = 500_000
	for _, test := range []struct {
		name  string
		sent  int64 // of the part that was asked for
		agent string
		first bool // it goes out once more, as if nobody had it
	}{
		{"all of it", part, "Mozilla/5.0", false},
		{"broken off at once", 0, "Mozilla/5.0", true},
		{"to a mirror, which is no viewer", part, "Tubelet-Mirror", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChannel(t, nil)
			media, ok := c.index.find(c.hash)
			if !ok {
				t.Fatal("not found")
			}
			now, hash := time.Now(), c.hash.String()
			q := httptest.NewRequest("GET", "/", nil)
			q.Header.Set("Range", "bytes=0-499999")
			q.Header.Set("User-Agent", test.agent)
			r := store.Rendition{File: "360p.mp4", Infohash: hash, Bandwidth: 800_000}
			g := c.Gate(Sending{Request: q, Address: "a", Rendition: r}, io.Discard, 0, part)
			_, err := g.Write(make([]byte, test.sent))
			must(t, err)
			must(t, g.Close())
			for _, p := range []swarm.Peer{"a", "b"} { // a has it, b does not
				c.swarm.Join(now, hash, media.Room, p, false, "")
				have := make([]byte, 64)
				if p == "a" {
					for i := range part / media.Room.PieceLength {
						have[i/8] |= 0x80 >> (i % 8)
					}
				}
				c.swarm.Report(now, hash, p, swarm.Report{Connected: 1, Have: have})
			}
			first := false
			for _, grant := range c.swarm.Tick(now) {
				for _, n := range grant.Pieces {
					first = first || grant.Peer == "b" && int64(n+1)*media.Room.PieceLength <= part
				}
			}
			if first != test.first {
				t.Errorf("granted anew: %v", first)
			}
		})
	}
}
