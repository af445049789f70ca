package tracker_test

import (
	"encoding/json"
	"testing"

	"github.com/tubelet/tubelet/seed/tracker"
)

// quietly announces without reading: an offer may come before the reply.
func (c client) quietly(o object) { c.t.Helper(); c.send(o) }

// collect reads until the reply to a scrape, which comes after everything before it, and
// returns the peers whose offers came.
func (c client) collect() map[string]int {
	c.t.Helper()
	c.send(object{"action": "scrape", "info_hash": latin(video)})
	from := map[string]int{}
	c.receive("the end", func(o object) bool {
		if o["offer"] != nil {
			from[o["peer_id"].(string)]++
		}
		return o["action"] == "scrape"
	})
	return from
}

// TestSpread: a crowd's offers go to everybody, not to the first who came.
func TestSpread(t *testing.T) {
	const crowd = 30
	r := start(t, nil)
	var viewers []client
	for i := range crowd {
		v := r.dial(byte(i + 1))
		v.join(video)
		v.quietly(v.announcement(video, 100, 5))
		v.collect() // it is in
		viewers = append(viewers, v)
	}
	total, most := 0, 0
	for _, v := range viewers {
		from := v.collect()
		if from[latin(v.id)] > 0 {
			t.Error("somebody was offered itself")
		}
		n := 0
		for _, times := range from {
			n += times
			if times > 1 {
				t.Error("the same two were introduced twice")
			}
		}
		total += n
		most = max(most, n)
	}
	// The i-th newcomer finds min(i, 5) others; some offers were read before.
	if total == 0 || most > 12 {
		t.Errorf("%d offers, one viewer got %d", total, most)
	}
}

// TestPreference: who watches our page meets mirrors and viewers before strangers, and
// strangers meet strangers before viewers.
func TestPreference(t *testing.T) {
	r := start(t, nil)
	mirrors := []client{r.mirror('1', ""), r.mirror('2', ""), r.mirror('3', "")}
	viewers := []client{r.dial('4'), r.dial('5'), r.dial('6')}
	strangers := []client{r.dial('7'), r.dial('8'), r.dial('9')}
	for _, m := range mirrors {
		m.announce(video, 0, 0)
	}
	for _, v := range viewers {
		v.join(video)
		v.announce(video, 100, 0)
	}
	for _, s := range strangers {
		s.announce(video, 100, 0)
	}
	count := func(clients []client, from client) int {
		n := 0
		for _, c := range clients {
			n += c.collect()[latin(from.id)]
		}
		return n
	}
	viewer, stranger := r.dial('v'), r.dial('x')
	viewer.join(video)
	viewer.quietly(viewer.announcement(video, 100, 5))
	viewer.collect()
	if m, v, s := count(mirrors, viewer), count(viewers, viewer), count(strangers, viewer); m != 2 || v != 3 || s != 0 {
		t.Errorf("a viewer met %d mirrors, %d viewers, %d strangers, want 2, 3, 0", m, v, s)
	}
	stranger.quietly(stranger.announcement(video, 100, 5))
	stranger.collect()
	if m, v, s := count(mirrors, stranger), count(viewers, stranger), count(strangers, stranger); m != 2 || v != 0 || s != 3 {
		t.Errorf("a stranger met %d mirrors, %d viewers, %d strangers, want 2, 0, 3", m, v, s)
	}
}

// TestSeedsDontMeet: who has everything is not offered to who has everything.
func TestSeedsDontMeet(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial('a'), r.dial('b')
	a.announce(video, 0, 0)
	b.announce(video, 0, 3)
	if from := a.collect(); len(from) != 0 {
		t.Errorf("a seed got offers of a seed: %v", from)
	}
	b.announce(video, 50, 3) // it lost something
	r.poll("one seed", func(s tracker.Stats) bool { return s.Swarms[0].Seeds == 1 })
	if from := a.collect(); len(from) != 1 {
		t.Errorf("a seed got no offer: %v", from)
	}
}

// TestStatsHideAddresses: no address of anybody is in the figures.
func TestStatsHideAddresses(t *testing.T) {
	r := start(t, nil)
	v := r.dial('v', "Test-Address: 198.51.100.77")
	v.join(video)
	m := r.mirror('m', "198.51.100.78")
	m.announce(video, 0, 0)
	r.get(t, "/tracker/announce?"+announceQuery(video, "&port=7777&left=0"), "198.51.100.79")
	b, err := json.Marshal(r.Stats())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"198.51", "7777", hex(v.id)} {
		if contains(string(b), secret) {
			t.Errorf("%q is in %s", secret, b)
		}
	}
}
