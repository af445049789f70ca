package tracker

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/bencode"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
)

type roomy struct{}

func (roomy) Queue() time.Duration { return 0 }
func (roomy) Drain() float64       { return 1 << 20 }

// quiet is a connection that swallows everything.
func quiet(t *Tracker, addr string) *socket {
	s := &socket{t: t, addr: netip.MustParseAddr(addr), own: true, writing: true}
	s.visitor = t.visitor(s.addr)
	s.visitor.sockets++
	t.sockets[s] = struct{}{}
	return s
}

func fuzzed() *Tracker {
	room := &swarm.Media{Size: 1000, PieceLength: 100, Segments: []swarm.Segment{{Size: 1000, Duration: time.Second}}}
	return New(Config{
		Coordinator: swarm.New(roomy{}),
		Find: func(h metainfo.Hash) (Swarm, bool) {
			return Swarm{Room: room}, h[0] < 0x80
		},
	})
}

// FuzzMessages lets two sockets say a message each, in every mix; then the books must
// balance, whatever they said.
func FuzzMessages(f *testing.F) {
	id := `\u0000abcdefghijklmnopqrs`
	hex := "00" + "6162636465666768696a6b6c6d6e6f70717273"
	f.Add([]byte(`{"action":"announce","info_hash":"`+id+`","peer_id":"`+id+`","left":0,"offers":[{"offer_id":"x","offer":{"type":"offer","sdp":"y"}}]}`),
		[]byte(`{"action":"announce","info_hash":"`+id+`","peer_id":"`+id+`","to_peer_id":"`+id+`","offer_id":"x","answer":{"type":"answer","sdp":"y"}}`))
	f.Add([]byte(`{"action":"join","info_hash":"`+hex+`","peer_id":"`+hex+`"}`),
		[]byte(`{"action":"report","info_hash":"`+hex+`","position":1,"rate":1,"peers":1,"have":"AA==","wishes":[1],"fetching":[2],"received":{"`+hex+`":5}}`))
	f.Add([]byte(`{"action":"mirror","id":"00000000000000000000000000000000","name":"x","url":"https://a.example","port":1}`),
		[]byte(`{"action":"scrape","info_hash":["`+id+`"]}`))
	f.Add([]byte(`{"action":"leave","info_hash":"`+hex+`"}`), []byte(`{"action":"announce","info_hash":"`+id+`","peer_id":"`+id+`","event":"stopped"}`))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		tr := fuzzed()
		a, b := quiet(tr, "192.0.2.1"), quiet(tr, "192.0.2.2")
		for _, turn := range []struct {
			s *socket
			b []byte
		}{{a, one}, {b, one}, {b, other}, {a, other}, {a, one}, {b, other}} {
			tr.handle(turn.s, turn.b)
		}
		tr.grant(time.Now())
		tr.tellNews(time.Now())
		for _, s := range []*socket{a, b} {
			for _, message := range s.queue {
				if !json.Valid(message) {
					t.Errorf("sent %q", message)
				}
			}
			if len(s.queue) > maxQueue || s.queued > maxQueued {
				t.Errorf("%d messages of %d bytes wait", len(s.queue), s.queued)
			}
			tr.dismiss(s)
		}
		if stats := tr.Stats(); stats.Sockets != 0 || stats.Viewers != 0 || len(stats.Swarms) != 0 {
			t.Errorf("left over: %+v", stats)
		}
	})
}

// FuzzQueries lets a stranger announce and scrape over HTTP.
func FuzzQueries(f *testing.F) {
	hash := url.QueryEscape("\x00abcdefghijklmnopqrs")
	f.Add("info_hash=" + hash + "&peer_id=" + hash + "&port=1&left=0&compact=1")
	f.Add("info_hash=" + hash + "&peer_id=" + hash + "&port=1&left=9&numwant=-1&event=stopped&no_peer_id=1")
	f.Add("info_hash=" + hash + "&info_hash=" + hash)
	f.Add("%zz")
	f.Fuzz(func(t *testing.T, raw string) {
		tr := fuzzed()
		for _, addr := range []string{"192.0.2.1:1", "[2001:db8::1]:1", "nowhere"} {
			for _, do := range []http.HandlerFunc{tr.Announce, tr.Scrape, tr.Announce} {
				w := httptest.NewRecorder()
				do(w, &http.Request{URL: &url.URL{RawQuery: raw}, RemoteAddr: addr, Header: http.Header{}})
				if _, err := bencode.Decode(w.Body.Bytes(), 1000); err != nil {
					t.Errorf("answered %q: %v", w.Body.Bytes(), err)
				}
			}
		}
		tr.sweep(time.Now().Add(2 * hostTime))
		if len(tr.rooms) != 0 || tr.hosts != 0 {
			t.Errorf("%d rooms and %d hosts are left", len(tr.rooms), tr.hosts)
		}
	})
}

// FuzzIDs: what is read as 20 bytes is written as it was.
func FuzzIDs(f *testing.F) {
	f.Add("\u0000abcdefghijklmnopqr\u00ff")
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := fromBinary(s)
		if !ok {
			return
		}
		text, err := binary(id).MarshalText()
		if err != nil || !bytes.Equal(text, []byte(s)) {
			t.Errorf("read %q, wrote %q, %v", s, text, err)
		}
		if again, ok := fromHex(string(peerID(id).hex())); !ok || again != id {
			t.Errorf("%x became %x", id, again)
		}
	})
}
