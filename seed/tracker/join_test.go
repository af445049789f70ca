package tracker_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
)

// TestNews: viewers are told how many others there are, and of mirrors.
func TestNews(t *testing.T) {
	r := start(t, nil)
	a := r.dial('a')
	if got := a.join(video); got["viewers"] != 0.0 || got["mirrors"] != 0.0 || got["info_hash"] != video.String() {
		t.Errorf("alone: %v", got)
	}
	b := r.dial('b')
	if got := b.join(video); got["viewers"] != 1.0 {
		t.Errorf("second: %v", got)
	}
	if got := a.next("swarm"); got["viewers"] != 1.0 {
		t.Errorf("not alone any more: %v", got)
	}
	m := r.mirror('m', "")
	m.announce(video, 0, 0)
	if got := a.next("swarm"); got["mirrors"] != 1.0 {
		t.Errorf("with a mirror: %v", got)
	}
	b.conn.CloseNow()
	if got := a.next("swarm"); got["viewers"] != 0.0 || got["mirrors"] != 1.0 {
		t.Errorf("alone again: %v", got)
	}
	m.conn.CloseNow()
	if got := a.next("swarm"); got["mirrors"] != 0.0 {
		t.Errorf("without mirror: %v", got)
	}
}

// report is what a viewer at the start of the video says.
func (c client) report(change object) {
	o := object{
		"action": "report", "info_hash": video.String(), "position": 0.5, "rate": 1, "paused": false,
		"hidden": false, "peers": 1, "wishes": []int{}, "fetching": []int{}, "received": object{},
	}
	for key, value := range change {
		o[key] = value
	}
	c.send(o)
}

// TestGrants: what the scheduler grants reaches who it is for.
func TestGrants(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial('a'), r.dial('b')
	a.join(video)
	b.join(video)
	for _, c := range []client{a, b} {
		c.announce(video, 100, 0) // on the same socket, as a test may
		c.report(object{"have": base64.StdEncoding.EncodeToString(make([]byte, 10)), "wishes": []int{2}})
	}
	seen := map[float64]bool{}
	for _, c := range []client{a, b} {
		got := c.next("grant")
		pieces, _ := got["pieces"].([]any)
		if got["info_hash"] != video.String() || len(pieces) == 0 {
			t.Errorf("grant: %v", got)
		}
		for _, piece := range pieces {
			seen[piece.(float64)] = true
		}
	}
	if len(seen) == 0 {
		t.Error("nothing was granted")
	}
}

// TestBackAndForth: who plays a rendition again, after another, is granted pieces of it.
func TestBackAndForth(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial('a'), r.dial('b')
	b.join(video)
	a.join(video)
	a.join(second)
	a.send(object{"action": "join", "info_hash": video.String(), "peer_id": hex(a.id), "duration": 80}) // nothing new is told of it
	a.announce(video, 100, 0)
	a.report(object{"have": base64.StdEncoding.EncodeToString(make([]byte, 10)), "wishes": []int{2}})
	if got := a.next("grant"); got["info_hash"] != video.String() {
		t.Errorf("grant: %v", got)
	}
}

// TestFromPeers: what viewers say they got is added up, as far as it is possible.
func TestFromPeers(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial('a'), r.dial('b')
	a.join(video)
	b.join(video)
	a.report(object{"received": object{hex(b.id): 1000}})
	r.poll("a thousand bytes", func(s tracker.Stats) bool { return s.FromPeers == 1000 && s.Swarms[0].FromPeers == 1000 })
	b.report(object{"received": object{hex(a.id): int64(1) << 50, hex(b.id): -5}})
	a.report(object{"received": object{hex(b.id): 24}})
	r.poll("no absurd figure", func(s tracker.Stats) bool { return s.FromPeers == 1024 })
}

// TestHint: viewers learn that the budget is short when they join and when it changes.
func TestHint(t *testing.T) {
	var short atomic.Bool
	short.Store(true)
	r := start(t, func(cfg *tracker.Config) {
		cfg.Hint = func(s tracker.Swarm) (bool, int) { return short.Load() && s.Video == "k3v9", 480 }
	})
	a := r.dial('a')
	a.join(video)
	if got := a.next("hint"); got["short"] != true || got["height"] != 480.0 {
		t.Errorf("hint: %v", got)
	}
	short.Store(false)
	if got := a.next("hint"); got["short"] != false {
		t.Errorf("hint: %v", got)
	}
}

// TestJoinAgain: a viewer that changes the rendition is in both swarms.
func TestJoinAgain(t *testing.T) {
	r := start(t, nil)
	a := r.dial('a')
	a.join(video)
	a.join(second)
	r.poll("two swarms", func(s tracker.Stats) bool { return len(s.Swarms) == 2 && s.Viewers == 2 })
	a.send(object{"action": "leave", "info_hash": video.String()})
	r.poll("one swarm", func(s tracker.Stats) bool { return len(s.Swarms) == 1 && s.Viewers == 1 })
}

// TestSeats: who joins one rendition after the other stays in the last four.
func TestSeats(t *testing.T) {
	r := start(t, nil)
	a := r.dial('a')
	for _, h := range []metainfo.Hash{video, second, {3}, {4}, {5}} {
		if got := a.join(h); got["action"] != "swarm" {
			t.Errorf("%s: %v", h, got)
		}
	}
	r.poll("four seats", func(s tracker.Stats) bool {
		return s.Viewers == 4 && len(s.Swarms) == 4 && !slices.ContainsFunc(s.Swarms, func(w tracker.SwarmStats) bool { return w.Hash == video.String() })
	})
}

// TestMirror: a mirror is counted as one, shown with its name, and can be refused.
func TestMirror(t *testing.T) {
	r := start(t, func(cfg *tracker.Config) {
		cfg.MirrorAllowed = func(id, name string) bool { return name != "refused" }
	})
	m := r.mirror('m', "")
	m.announce(video, 0, 0)
	m.announce(second, 0, 0)
	r.poll("a mirror", func(s tracker.Stats) bool {
		return len(s.Mirrors) == 1 && s.Mirrors[0].Name == "a friend" && s.Mirrors[0].Swarms == 2 && s.Swarms[0].Mirrors == 1
	})
	v := r.dial('v')
	v.join(video)
	v.announce(video, 100, 2)
	if offer := m.offered(); offer["peer_id"] != latin(v.id) {
		t.Errorf("offer %v", offer)
	}
	refused := r.dial('n')
	refused.send(hello('n', "refused"))
	if got := refused.next("refuse"); got["reason"] == "" {
		t.Errorf("refusal %v", got)
	}
	page := r.dial('p', "Origin: https://other.example")
	page.send(hello('p', "a page"))
	page.next("refuse")
}

func hello(id byte, name string) object {
	return object{"action": "mirror", "id": fmt.Sprintf("%032x", id), "name": name, "url": "https://friend.example", "port": 6881}
}

// mirror opens the socket of a mirror.
func (r rig) mirror(id byte, address string) client {
	r.t.Helper()
	m := r.dial(id, "Test-Address: "+address)
	m.send(hello(id, "a friend"))
	if got := m.receive("a welcome", func(object) bool { return true }); got["action"] != "welcome" {
		r.t.Fatalf("mirror was told %v", got)
	}
	return m
}

// TestTicket: a viewer is known by a secret that only it is told, as long as it is there.
func TestTicket(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial('a'), r.dial('b')
	first, _ := a.join(video)["ticket"].(string)
	other, _ := b.join(video)["ticket"].(string)
	if len(first) < 20 || first == other {
		t.Fatalf("tickets %q and %q", first, other)
	}
	if again := a.join(second)["ticket"]; again != first {
		t.Errorf("in a second swarm the ticket is %q, was %q", again, first)
	}
	p, ok := r.Viewer(first)
	if want := swarm.Peer(fmt.Sprintf("%x", a.id)); !ok || p != want {
		t.Errorf("the ticket is %q's, %v; want %q", p, ok, want)
	}
	for _, wrong := range []string{"", string(p), fmt.Sprintf("%x", b.id), first[1:]} {
		if p, ok := r.Viewer(wrong); ok {
			t.Errorf("%q passes for %q", wrong, p)
		}
	}
	a.conn.CloseNow()
	r.poll("the ticket is worth nothing", func(tracker.Stats) bool { _, ok := r.Viewer(first); return !ok })
}
