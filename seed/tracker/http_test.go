package tracker_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	foreign "github.com/anacrolix/torrent/tracker"
	"github.com/anacrolix/torrent/types/infohash"

	"github.com/tubelet/tubelet/seed/bencode"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/tracker"
)

var contains = strings.Contains

func announceQuery(h metainfo.Hash, rest string) string {
	return "info_hash=" + url.QueryEscape(string(h[:])) + "&peer_id=-qB4500-abcdefghijkl&uploaded=0&downloaded=0" + rest
}

// get asks over HTTP as somebody at an address, and reads the strict bencode of the answer.
func (r rig) get(t *testing.T, path, address string) bencode.Value {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Test-Address", address)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	v, err := bencode.Decode(b, 1000)
	if err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	return v
}

func refused(v bencode.Value) string {
	reason, _ := v.Get("failure reason", bencode.String)
	return string(reason.Bytes)
}

// peersIn reads the addresses of an answer in any of its forms.
func peersIn(t *testing.T, v bencode.Value) []string {
	t.Helper()
	var found []string
	if list, ok := v.Get("peers", bencode.List); ok {
		for _, item := range list.Items {
			ip, _ := item.Get("ip", bencode.String)
			port, _ := item.Get("port", bencode.Int)
			addr, err := netip.ParseAddr(string(ip.Bytes))
			if err != nil {
				t.Error(err)
			}
			found = append(found, netip.AddrPortFrom(addr, uint16(port.Num)).String())
		}
	}
	for key, size := range map[string]int{"peers": 4, "peers6": 16} {
		text, _ := v.Get(key, bencode.String)
		for entry := range slices.Chunk(text.Bytes, size+2) {
			addr, _ := netip.AddrFromSlice(entry[:size])
			found = append(found, netip.AddrPortFrom(addr, uint16(entry[size])<<8|uint16(entry[size+1])).String())
		}
	}
	slices.Sort(found)
	return found
}

func TestAnnounceHTTP(t *testing.T) {
	r := start(t, func(cfg *tracker.Config) {
		cfg.Seeds = func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:6881")} }
	})
	announce := func(address, rest string) bencode.Value {
		return r.get(t, "/tracker/announce?"+announceQuery(video, rest), address)
	}
	first := announce("198.51.100.1", "&port=7001&left=0&event=started&compact=1&ip=203.0.113.66&ipv6=2001:db8::66")
	// Our own seed is told to all: aria2 says that nothing is left before it knows the file.
	if got := peersIn(t, first); !slices.Equal(got, []string{"203.0.113.1:6881"}) {
		t.Errorf("a seed was sent these peers: %v", got)
	}
	announce("2001:db8::1", "&port=7002&left=5&event=started&compact=1&ipv4=203.0.113.66")
	announce("192.168.1.5", "&port=7003&left=5&compact=1")
	m := r.mirror('m', "198.51.100.9")
	m.announce(video, 0, 0)

	tests := []struct {
		name, address, rest string
		want                []string
	}{
		{"compact", "198.51.100.2", "&port=7004&left=5&compact=1", []string{"198.51.100.1:7001", "198.51.100.9:6881", "203.0.113.1:6881", "[2001:db8::1]:7002"}},
		{"list", "198.51.100.2", "&port=7004&left=5", []string{"198.51.100.1:7001", "198.51.100.9:6881", "203.0.113.1:6881", "[2001:db8::1]:7002"}},
		{"at home", "192.168.1.6", "&port=7005&left=5&compact=1", []string{"192.168.1.5:7003", "198.51.100.1:7001", "198.51.100.2:7004", "198.51.100.9:6881", "203.0.113.1:6881", "[2001:db8::1]:7002"}},
		{"one only", "192.168.1.6", "&port=7005&left=5&numwant=1&compact=1", []string{"203.0.113.1:6881"}},
		{"none", "192.168.1.6", "&port=7005&left=5&numwant=0&compact=1", nil},
		{"stopped", "192.168.1.6", "&port=7005&left=5&event=stopped&compact=1", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := announce(test.address, test.rest)
			if peers := peersIn(t, got); !slices.Equal(peers, test.want) {
				t.Errorf("peers %v, want %v (%s)", peers, test.want, refused(got))
			}
		})
	}
	if s := r.Stats().Swarms[0]; s.Peers != 4 || s.Seeds != 2 || s.Mirrors != 1 {
		t.Errorf("swarm %+v", s)
	}
}

func TestAnnounceHTTPRefuses(t *testing.T) {
	r := start(t, nil)
	tests := map[string]string{
		"unknown":            announceQuery(unknown, "&port=7000&left=0"),
		"p2p-media-loader's": announceQuery(loader, "&port=7000&left=0"),
		"no port":            announceQuery(video, "&left=0"),
		"port zero":          announceQuery(video, "&port=0"),
		"large port":         announceQuery(video, "&port=65536"),
		"nothing":            "",
		"short hash":         "info_hash=abc&peer_id=-qB4500-abcdefghijkl&port=1",
		"short id":           "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=x&port=1",
		"bad escape":         "info_hash=%zz",
		"too long":           announceQuery(video, "&port=7000&left=0&x="+strings.Repeat("x", 9000)),
	}
	i := 0
	for name, query := range tests {
		i++
		t.Run(name, func(t *testing.T) {
			if got := r.get(t, "/tracker/announce?"+query, fmt.Sprintf("198.51.100.%d", i)); refused(got) == "" {
				t.Errorf("answered %q", got.Raw)
			}
		})
	}
	if swarms := r.Stats().Swarms; len(swarms) != 0 {
		t.Errorf("swarms %+v", swarms)
	}
}

func TestScrapeHTTP(t *testing.T) {
	r := start(t, nil)
	r.get(t, "/tracker/announce?"+announceQuery(video, "&port=7001&left=0"), "198.51.100.1")
	r.get(t, "/tracker/announce?"+announceQuery(video, "&port=7002&left=9"), "198.51.100.1")
	name := func(h metainfo.Hash) string { return "info_hash=" + url.QueryEscape(string(h[:])) }
	got := r.get(t, "/tracker/scrape?"+name(second)+"&"+name(video)+"&"+name(unknown)+"&"+name(video), "198.51.100.2")
	files, ok := got.Get("files", bencode.Dict)
	if !ok || len(files.Pairs) != 2 {
		t.Fatalf("scrape %q", got.Raw)
	}
	entry, _ := files.Get(string(video[:]), bencode.Dict)
	complete, _ := entry.Get("complete", bencode.Int)
	incomplete, _ := entry.Get("incomplete", bencode.Int)
	if complete.Num != 1 || incomplete.Num != 1 {
		t.Errorf("scrape %q", got.Raw)
	}
	for _, query := range []string{"", "info_hash=abc", strings.Repeat(name(video)+"&", 80)} {
		if got := r.get(t, "/tracker/scrape?"+query, "198.51.100.2"); refused(got) == "" {
			t.Errorf("answered %q", got.Raw)
		}
	}
}

// TestForeignClient lets another program's client announce and scrape.
func TestForeignClient(t *testing.T) {
	r := start(t, nil)
	r.get(t, "/tracker/announce?"+announceQuery(video, "&port=7001&left=0"), "192.0.2.9")
	client, err := foreign.NewClient(r.url+"/tracker/announce", foreign.NewClientOpts{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := foreign.AnnounceRequest{InfoHash: infohash.T(video), PeerId: [20]byte{1}, Left: 5, Port: 7002, NumWant: -1, Event: foreign.Started}
	got, err := client.Announce(context.Background(), req, foreign.AnnounceOpt{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Peers) != 1 || got.Peers[0].String() != "192.0.2.9:7001" || got.Seeders != 1 || got.Leechers != 1 || got.Interval != 1800 {
		t.Errorf("announce %+v", got)
	}
	scraped, err := client.Scrape(context.Background(), []infohash.T{infohash.T(video)})
	if err != nil || len(scraped) != 1 || scraped[0].Seeders != 1 {
		t.Errorf("scrape %+v, %v", scraped, err)
	}
}
