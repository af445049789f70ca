package tracker_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/tracker"
)

// TestIntroduction: two WebTorrent peers get each other's half of the handshake.
func TestIntroduction(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial('a'), r.dial('b', "Origin: https://peertube.example")
	if got := a.announce(video, 100, 5); got["interval"] != 120.0 || got["incomplete"] != 1.0 || got["info_hash"] != latin(video) {
		t.Errorf("first announce: %v", got)
	}
	if got := b.announce(video, 0, 5); got["complete"] != 1.0 || got["incomplete"] != 1.0 {
		t.Errorf("second announce: %v", got)
	}
	offer := a.offered()
	if offer["peer_id"] != latin(b.id) || offer["offer_id"] == "" {
		t.Errorf("offer: %v", offer)
	}
	if sdp, _ := offer["offer"].(map[string]any); len(sdp) != 2 || sdp["type"] != "offer" || !strings.HasPrefix(sdp["sdp"].(string), "sdp of") {
		t.Errorf("offer: %v", sdp)
	}
	a.answer(video, offer)
	answer := b.receive("an answer", func(o object) bool { return o["answer"] != nil })
	if answer["peer_id"] != latin(a.id) || answer["offer_id"] != offer["offer_id"] || answer["info_hash"] != latin(video) {
		t.Errorf("answer: %v", answer)
	}
}

// TestAnswerUnasked: who was not offered anything can send nothing to anybody.
func TestAnswerUnasked(t *testing.T) {
	r := start(t, nil)
	a, b, c := r.dial('a'), r.dial('b'), r.dial('c')
	a.announce(video, 100, 0)
	c.announce(video, 100, 0)
	b.announce(video, 100, 2)
	offer := a.offered()
	c.offered()
	c.answer(video, offer) // another's offer, under its own name
	impostor := c
	impostor.id = a.id
	impostor.answer(video, offer) // and under another's
	a.answer(second, offer)       // and in another swarm
	a.answer(video, offer)
	a.answer(video, offer) // twice
	got := b.receive("an answer", func(o object) bool { return o["answer"] != nil })
	if got["peer_id"] != latin(a.id) {
		t.Errorf("answer of %q", got["peer_id"])
	}
	// What b gets next is the reply to its next announce, not a second answer.
	b.send(b.announcement(video, 100, 0))
	if next := b.receive("anything", func(object) bool { return true }); next["answer"] != nil {
		t.Errorf("got another answer: %v", next)
	}
}

func TestUnknown(t *testing.T) {
	r := start(t, nil)
	a := r.dial('a')
	if got := a.announce(unknown, 100, 1); got["failure reason"] != "unknown infohash" || got["info_hash"] != latin(unknown) {
		t.Errorf("announce: %v", got)
	}
	if got := a.join(unknown); got["action"] != "refuse" || got["reason"] != "unknown infohash" {
		t.Errorf("join: %v", got)
	}
	if got := a.join(loader); got["action"] != "refuse" {
		t.Errorf("join of a swarm without room: %v", got)
	}
	if got := a.announce(loader, 100, 1); got["interval"] == nil {
		t.Errorf("announce of p2p-media-loader: %v", got)
	}
	if stats := r.Stats(); len(stats.Swarms) != 1 || stats.Swarms[0].Hash != loader.String() {
		t.Errorf("swarms %+v", stats.Swarms)
	}
}

// TestOrigin: other sites' pages may announce, and only our own may join.
func TestOrigin(t *testing.T) {
	r := start(t, nil)
	tests := []struct{ name, origin, action string }{
		{"ours", "Origin: https://tube.example", "swarm"},
		{"a program", "X: y", "swarm"},
		{"another site", "Origin: https://other.example", "refuse"},
		{"a sandboxed frame", "Origin: null", "refuse"},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := r.dial(byte('a'+i), test.origin)
			c.t = t
			if got := c.join(video); got["action"] != test.action {
				t.Errorf("join: %v", got)
			}
			if got := c.announce(video, 100, 0); got["interval"] == nil {
				t.Errorf("announce: %v", got)
			}
		})
	}
}

// TestGone: who leaves in any way is no longer counted, nor offered to others.
func TestGone(t *testing.T) {
	r := start(t, nil)
	stays, stops, closes, breaks := r.dial('a'), r.dial('b'), r.dial('c'), r.dial('d')
	stays.announce(video, 100, 0)
	for _, c := range []client{stops, closes, breaks} {
		c.announce(video, 100, 0)
		c.join(video)
	}
	r.poll("four peers", func(s tracker.Stats) bool { return s.Viewers == 3 && s.Swarms[0].Peers == 1 })
	stop := stops.announcement(video, 100, 0)
	stop["event"] = "stopped"
	stops.send(stop)
	stops.send(object{"action": "leave", "info_hash": video.String()})
	closes.conn.Close(1000, "bye")
	breaks.conn.CloseNow()
	r.poll("one peer", func(s tracker.Stats) bool { return s.Viewers == 0 && s.Sockets == 2 && s.Swarms[0].Peers == 1 })
	if got := stays.announce(video, 100, 3); got["incomplete"] != 1.0 {
		t.Errorf("announce: %v", got)
	}
	stays.conn.CloseNow()
	r.poll("nobody", func(s tracker.Stats) bool { return len(s.Swarms) == 0 })
}

// TestPeerID: a name belongs to whom it belongs, but may come back on another socket.
func TestPeerID(t *testing.T) {
	r := start(t, nil)
	a := r.dial('a', "Test-Address: 192.0.2.7")
	a.announce(video, 100, 0)
	a.join(video)
	thief := r.dial('a', "Test-Address: 198.51.100.1")
	if got := thief.announce(video, 100, 0); got["failure reason"] == nil {
		t.Errorf("a stranger took the name: %v", got)
	}
	if got := thief.join(video); got["action"] != "refuse" {
		t.Errorf("a stranger took the name: %v", got)
	}
	again := r.dial('a', "Test-Address: 192.0.2.7")
	if got := again.announce(video, 100, 0); got["incomplete"] != 1.0 {
		t.Errorf("back: %v", got)
	}
	if got := again.join(video); got["action"] != "swarm" || got["viewers"] != 0.0 {
		t.Errorf("back: %v", got)
	}
	a.conn.CloseNow()
	r.poll("two sockets", func(s tracker.Stats) bool { return s.Sockets == 2 && s.Viewers == 1 })
}

func TestScrapeSocket(t *testing.T) {
	r := start(t, nil)
	a := r.dial('a')
	a.announce(video, 0, 0)
	a.send(object{"action": "scrape", "info_hash": []string{latin(video), latin(unknown), latin(second)}})
	got := a.next("scrape")["files"].(map[string]any)
	if len(got) != 2 || got[latin(video)].(map[string]any)["complete"] != 1.0 || got[latin(second)].(map[string]any)["complete"] != 0.0 {
		t.Errorf("scrape: %v", got)
	}
	a.send(object{"action": "scrape", "info_hash": latin(video)})
	if got := a.next("scrape")["files"].(map[string]any); len(got) != 1 {
		t.Errorf("scrape: %v", got)
	}
}

// TestOwnSeed: our seed answers who is not on our page, once, and nobody on it.
func TestOwnSeed(t *testing.T) {
	asked := make(chan string, 10)
	r := start(t, func(cfg *tracker.Config) {
		cfg.Answer = func(_ context.Context, h metainfo.Hash, offer string) (string, error) {
			asked <- h.String() + " " + offer
			if h == second {
				return "", errors.New("off")
			}
			return "our answer", nil
		}
	})
	viewer := r.dial('v')
	viewer.join(video)
	viewer.announce(video, 100, 2)
	seeder := r.dial('s')
	seeder.announce(video, 0, 2)
	viewer.offered()
	loading := r.dial('l')
	loading.announce(loader, 100, 2)
	stranger := r.dial('x')
	if got := stranger.announce(video, 100, 2); got["complete"] != 2.0 { // the seeder and us
		t.Errorf("announce: %v", got)
	}
	answer := stranger.receive("our seed's answer", func(o object) bool { return o["answer"] != nil })
	if sdp := answer["answer"].(map[string]any); sdp["sdp"] != "our answer" || sdp["type"] != "answer" || answer["offer_id"] != latin([20]byte{'x', 0, 0x80}) {
		t.Errorf("answer: %v", answer)
	}
	stranger.announce(video, 100, 2)
	stranger.announce(second, 100, 2)
	if got, want := <-asked, video.String()+" sdp of 120/0"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	if got, want := <-asked, second.String()+" sdp of 120/0"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	if len(asked) > 0 {
		t.Errorf("asked again: %q", <-asked)
	}
}
