package tracker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/tracker"
)

// TestNonsense: what is not of the protocol ends the socket, and nothing else.
func TestNonsense(t *testing.T) {
	r := start(t, nil)
	good := r.dial('g')
	good.announce(video, 100, 0)
	id, long := latin([20]byte{1}), strings.Repeat("9,", 200)+"9"
	tests := map[string]string{
		"no JSON":         "hello",
		"empty":           "",
		"a list":          "[]",
		"null":            "null",
		"no action":       "{}",
		"unknown action":  `{"action":"become admin"}`,
		"number as hash":  `{"action":"announce","info_hash":7,"peer_id":"` + id + `"}`,
		"short hash":      `{"action":"announce","info_hash":"abc","peer_id":"` + id + `"}`,
		"wide characters": `{"action":"announce","info_hash":"` + strings.Repeat("\u4e2d", 20) + `","peer_id":"` + id + `"}`,
		"surrogates":      `{"action":"announce","info_hash":"` + strings.Repeat(`\ud800`, 20) + `","peer_id":"` + id + `"}`,
		"no peer id":      `{"action":"announce","info_hash":"` + latin(video) + `"}`,
		"join by binary":  `{"action":"join","info_hash":"` + latin(video) + `","peer_id":"` + id + `"}`,
		"join, odd hex":   `{"action":"join","info_hash":"` + strings.Repeat("0", 39) + `","peer_id":"` + id + `"}`,
		"report of wrong": `{"action":"report","info_hash":"` + video.String() + `","position":"here"}`,
		"many wishes":     `{"action":"report","info_hash":"` + video.String() + `","wishes":[` + long + `]}`,
		"a mirror's id":   `{"action":"mirror","id":"abc","name":"x","url":""}`,
		"a mirror's name": `{"action":"mirror","id":"` + strings.Repeat("0", 32) + `","name":"\u001b[2J","url":""}`,
		"a mirror's URL":  `{"action":"mirror","id":"` + strings.Repeat("0", 32) + `","name":"x","url":"javascript:alert(1)"}`,
		"scrape of much":  `{"action":"scrape","info_hash":["` + strings.Repeat(id+`","`, 80) + id + `"]}`,
		"too long":        `{"action":"announce","x":"` + strings.Repeat("x", 65<<10) + `"}`,
		"deep":            strings.Repeat("[", 30_000),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			c := r.dial('b')
			c.t = t
			c.write([]byte(text))
			c.closed()
		})
	}
	if got := good.announce(video, 100, 0); got["incomplete"] != 1.0 {
		t.Errorf("an honest peer was told %v", got)
	}
	r.poll("one socket", func(s tracker.Stats) bool { return s.Sockets == 1 })
}

// TestStrangeAnnounces: odd values that clients do send are no reason to close.
func TestStrangeAnnounces(t *testing.T) {
	r := start(t, nil)
	for i, change := range []object{
		{"left": nil}, {"left": "unknown"}, {"left": 1e300}, {"numwant": -1}, {"offers": nil}, {"event": "paused"},
		{"offers": []object{{"offer_id": "x"}}}, {"unheard": []int{1}}, {"event": "empty", "trackerid": "x"},
		{"offers": []object{{"offer_id": "x", "offer": object{"type": "offer", "sdp": strings.Repeat("x", 17<<10)}}}},
		{"offers": []object{{"offer_id": "x", "offer": object{"type": "rollback", "sdp": "x"}}}},
	} {
		c := r.dial(byte(i + 1))
		o := c.announcement(video, 100, 0)
		for key, value := range change {
			o[key] = value
		}
		c.send(o)
		if got := c.receive("an answer", func(o object) bool { return true }); got["interval"] != 120.0 {
			t.Errorf("%v: told %v", change, got)
		}
	}
}

// TestOfferLimit: of more than ten offers ten are passed on.
func TestOfferLimit(t *testing.T) {
	r := start(t, nil)
	var others []client
	for i := range 14 {
		c := r.dial(byte(i + 1))
		c.announce(video, 100, 0)
		others = append(others, c)
	}
	a := r.dial('a')
	a.announce(video, 100, 14)
	n := 0
	for _, c := range others {
		n += len(c.collect())
	}
	if n != 10 {
		t.Errorf("%d offers were passed on, want 10", n)
	}
}

// TestAnnounceRate: sixty announces a minute from one address, whichever way, however
// many sockets; misses count more.
func TestAnnounceRate(t *testing.T) {
	r := start(t, nil)
	flood := func(h metainfo.Hash, address string) (answered int) {
		a, b := r.dial('a', "Test-Address: "+address), r.dial('b', "Test-Address: "+address)
		for i := range 70 {
			c := a
			if i%2 == 0 {
				c = b
			}
			if got := c.announce(h, 100, 0); got["failure reason"] != "too many announces, try again later" {
				answered++
			}
		}
		return answered
	}
	// A busy machine may give a token or two back meanwhile.
	if n := flood(video, "198.51.100.1"); n < 60 || n > 65 {
		t.Errorf("%d announces were answered, want 60", n)
	}
	got := r.get(t, "/tracker/announce?"+announceQuery(video, "&port=7001&left=0"), "198.51.100.1")
	if refused(got) != "too many announces, try again later" {
		t.Errorf("over HTTP: %q", got.Raw)
	}
	if n := flood(unknown, "198.51.100.2"); n < 12 || n > 14 {
		t.Errorf("%d announces for an unknown infohash were answered, want 12", n)
	}
	if got := r.dial('c', "Test-Address: 198.51.100.3").announce(video, 100, 0); got["interval"] == nil {
		t.Errorf("an honest peer was told %v", got)
	}
	if n := flood(video, "2001:db8::1") + flood(video, "2001:db8::2"); n < 60 || n > 70 {
		t.Errorf("%d announces from one IPv6 network were answered, want 60", n)
	}
}

// TestSocketLimit: an address may not take all the sockets.
func TestSocketLimit(t *testing.T) {
	r := start(t, nil)
	for range 100 {
		r.dial('a', "Test-Address: 198.51.100.1")
	}
	_, resp, err := r.try("Test-Address: 198.51.100.1")
	if err == nil || resp == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the 101st socket: %v, %v", resp, err)
	}
	r.dial('b', "Test-Address: 198.51.100.2")
	if n := r.Stats().Sockets; n != 101 {
		t.Errorf("%d sockets, want 101", n)
	}
}

// TestFlood: a socket that talks without end is closed, with messages or with pings.
func TestFlood(t *testing.T) {
	r := start(t, nil)
	talker := r.dial('a')
	talker.announce(video, 100, 0)
	for range 300 {
		b := []byte(`{"action":"leave","info_hash":"` + video.String() + `"}`)
		if talker.conn.Write(t.Context(), websocket.MessageText, b) != nil {
			break
		}
	}
	talker.closed()

	raw := r.raw(t)
	for range 300 {
		if _, err := raw.Write([]byte{0x89, 0x80, 1, 2, 3, 4}); err != nil { // an empty ping, masked
			break
		}
	}
	r.poll("no sockets", func(s tracker.Stats) bool { return s.Sockets == 0 })
}

// raw opens a socket without a library that would read from it.
func (r rig) raw(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /tracker/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("no socket: %v, %v", resp, err)
	}
	return conn
}

// frame masks a message with zeros, which leave it as it is.
func frame(t *testing.T, o object) []byte {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	return append(b, text...)
}

// TestNeverReading: who never reads is cut off, and its memory with it; others go on.
func TestNeverReading(t *testing.T) {
	r := start(t, nil)
	victim := r.raw(t)
	id := latin([20]byte{0x7f})
	_, err := victim.Write(frame(t, object{"action": "announce", "info_hash": latin(video), "peer_id": id, "left": 5}))
	if err != nil {
		t.Fatal(err)
	}
	r.poll("a peer", func(s tracker.Stats) bool { return len(s.Swarms) == 1 })
	sdp := strings.Repeat("x", 15<<10)
	sent := 0
	for i := 0; i < 1000 && r.Stats().Sockets > 0; i++ { // the kernel holds some megabytes for the victim
		sender := r.dial('s', fmt.Sprintf("Test-Address: 198.51.%d.%d", 100+i/250, i%250))
		r.poll("the sender, beside the victim if that is still there", func(s tracker.Stats) bool { return s.Sockets > 1 || len(s.Swarms) == 0 })
		for j := 0; j < 50 && r.Stats().Sockets > 1; j++ {
			sender.id = [20]byte{byte(i), byte(j), 1, byte(i >> 8)} // the two should not know each other
			o := sender.announcement(video, 100, 0)
			o["offers"] = []object{{"offer_id": id, "offer": object{"type": "offer", "sdp": sdp}}}
			sender.send(o)
			sender.receive("an answer", func(o object) bool { return o["interval"] != nil })
			sent += len(sdp)
		}
		sender.conn.CloseNow()
		r.poll("the sender to be gone", func(s tracker.Stats) bool { return s.Sockets <= 1 })
	}
	if n := r.Stats().Sockets; n != 0 || sent == 0 {
		t.Errorf("%d sockets after %d bytes", n, sent)
	}
}

// TestShutdown: Run returns while sockets are open and busy, and takes no more.
func TestShutdown(t *testing.T) {
	r := start(t, nil)
	for i := range 20 {
		c := r.dial(byte(i + 1))
		c.join(video)
		c.quietly(c.announcement(video, 100, 5))
	}
	begun := time.Now()
	t.Cleanup(func() {
		if d := time.Since(begun); d > deadline {
			t.Errorf("it took %v to end", d)
		}
	})
}

// TestTakenID: everybody whom a viewer meets knows its id, and may not take it to another
// swarm, as a viewer or as a mirror: the scheduler would lose the viewer.
func TestTakenID(t *testing.T) {
	r := start(t, nil)
	v := r.dial('v')
	v.join(video)
	thief := r.dial('v', "Test-Address: 198.51.100.1")
	if got := thief.join(second); got["reason"] != "this peer id is taken" {
		t.Errorf("who took an id was told %v", got)
	}
	m := r.mirror('m', "198.51.100.2")
	m.id = v.id
	m.announce(second, 0, 0)
	if got := v.join(second); got["action"] != "swarm" {
		t.Errorf("the viewer was told %v", got)
	}
	v.send(object{"action": "leave", "info_hash": video.String()})
	v.send(object{"action": "leave", "info_hash": second.String()})
	r.poll("no viewers", func(s tracker.Stats) bool { return s.Viewers == 0 })
	if got := thief.join(second); got["action"] != "swarm" {
		t.Errorf("with an id that is free again: %v", got)
	}
}

// TestMirrorFlood: a mirror is written down, so nobody may introduce many, or one again
// and again.
func TestMirrorFlood(t *testing.T) {
	var asked atomic.Int64
	r := start(t, func(cfg *tracker.Config) {
		cfg.MirrorAllowed = func(string, string) bool { asked.Add(1); return true }
	})
	c := r.mirror('m', "198.51.100.1")
	c.send(hello('n', "again"))
	c.closed()
	r.poll("nobody", func(s tracker.Stats) bool { return s.Sockets == 0 })
	for i := range 4 {
		r.mirror(byte(i+1), "198.51.100.2")
	}
	fifth := r.dial('5', "Test-Address: 198.51.100.2")
	fifth.send(hello('5', "too many"))
	fifth.next("refuse")
	before := asked.Load()
	for i := range 40 {
		c := r.dial(byte(i), "Test-Address: 198.51.100.3", "Origin: https://other.example")
		c.send(hello(byte(i), "a page"))
	}
	for i := range 40 {
		c := r.dial(byte(i), "Test-Address: 198.51.100.4")
		c.send(hello(byte(i), "one of many"))
		c.receiveOrClosed()
	}
	if n := asked.Load() - before; n > 14 {
		t.Errorf("%d mirrors of one address were looked up", n)
	}
}

// receiveOrClosed waits for anything.
func (c client) receiveOrClosed() {
	c.t.Helper()
	ctx, end := context.WithTimeout(context.Background(), deadline)
	defer end()
	if _, _, err := c.conn.Read(ctx); err != nil && ctx.Err() != nil {
		c.t.Error("nothing came")
	}
}

// TestRefusedComesBack: a mirror chooses its id itself, so one that was refused is not
// welcome under another from where it was, until the creator takes it back.
func TestRefusedComesBack(t *testing.T) {
	var forgiven atomic.Bool
	r := start(t, func(cfg *tracker.Config) {
		cfg.MirrorAllowed = func(_, name string) bool { return name != "bad" || forgiven.Load() }
	})
	ask := func(id byte, name, address string) object {
		c := r.dial(id, "Test-Address: "+address)
		c.send(hello(id, name))
		return c.receive("an answer", func(o object) bool { return true })
	}
	for _, try := range []struct {
		id            byte
		name, address string
		forgiven      bool
		want          string
	}{
		{'b', "bad", "198.51.100.1", false, "refuse"},
		{'c', "good as new", "198.51.100.1", false, "refuse"},
		{'d', "somebody else", "198.51.100.2", false, "welcome"},
		{'b', "bad", "198.51.100.1", true, "welcome"},
		{'c', "good as new", "198.51.100.1", true, "welcome"},
	} {
		forgiven.Store(try.forgiven)
		if got := ask(try.id, try.name, try.address); got["action"] != try.want {
			t.Errorf("%+v: %v", try, got)
		}
	}
}

// TestMirrorTalksTooMuch: a mirror may announce a lot at once, but not without end.
func TestMirrorTalksTooMuch(t *testing.T) {
	r := start(t, nil)
	m := r.mirror('m', "198.51.100.1")
	for range 900 {
		m.send(object{"action": "leave", "info_hash": video.String()})
	}
	if got := m.announce(video, 0, 0); got["action"] != "announce" {
		t.Fatalf("after 900 messages: %v", got)
	}
	for range 1000 {
		b, _ := json.Marshal(object{"action": "leave", "info_hash": video.String()})
		if m.conn.Write(t.Context(), websocket.MessageText, b) != nil {
			break
		}
	}
	m.closed()
}

// TestAnswersOfAnAddress: who asks our own seed again and again does not take the places of others.
func TestAnswersOfAnAddress(t *testing.T) {
	var making atomic.Int64
	enough := make(chan struct{})
	r := start(t, func(cfg *tracker.Config) {
		cfg.Answer = func(ctx context.Context, _ metainfo.Hash, _ string) (string, error) {
			making.Add(1)
			select {
			case <-enough:
			case <-ctx.Done():
			}
			return "our answer", nil
		}
	})
	defer close(enough)
	for i := range 10 {
		r.dial(byte('a'+i), "Test-Address: 198.51.100.1").announce(video, 100, 1)
	}
	if n := making.Load(); n > 2 {
		t.Errorf("%d answers for one address are in the making", n)
	}
	r.dial('z', "Test-Address: 198.51.100.2").announce(video, 100, 1)
	r.poll("another's offer is answered", func(tracker.Stats) bool { return making.Load() == 3 })
}
