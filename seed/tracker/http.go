package tracker

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/seed/bencode"
	"github.com/tubelet/tubelet/seed/metainfo"
)

// host is a peer that announced over HTTP: a desktop client, reached by TCP or uTP at the
// address from which it announced. Whatever address it claims is ignored.
type host struct {
	id    peerID
	whole bool
	seen  time.Time
}

// query is an announce over HTTP (BEP 3, 7, 23).
type query struct {
	hash    metainfo.Hash
	id      peerID
	port    uint16
	event   string
	whole   bool
	want    int
	compact bool
	noID    bool
}

// Announce answers /tracker/announce.
func (t *Tracker) Announce(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		writeFailure(w, err.Error())
		return
	}
	addr, now := t.address(r), time.Now()
	if !t.may(now, addr) {
		writeFailure(w, reasonOften)
		return
	}
	info, known := t.cfg.Find(q.hash)
	if !known || info.Room == nil {
		t.mu.Lock()
		t.missed(addr)
		t.mu.Unlock()
		writeFailure(w, reasonUnknown)
		return
	}
	_, _ = w.Write(t.visit(now, netip.AddrPortFrom(addr, q.port), q, info))
}

// visit takes a peer in and returns the answer to it.
func (t *Tracker) visit(now time.Time, where netip.AddrPort, q query, info Swarm) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	room := t.room(q.hash, info)
	t.place(now, room, where, q)
	complete, incomplete := t.count(room)
	reply := q.reply(complete, incomplete, t.peersFor(room, where, q))
	t.tidy(room)
	return reply
}

// Scrape answers /tracker/scrape (BEP 48).
func (t *Tracker) Scrape(w http.ResponseWriter, r *http.Request) {
	hashes, err := parseScrape(r.URL.RawQuery)
	if err != nil {
		writeFailure(w, err.Error())
		return
	}
	t.mu.Lock()
	often := !t.visitor(t.address(r)).announce(time.Now())
	t.mu.Unlock()
	if often {
		writeFailure(w, reasonOften)
		return
	}
	b := append(bencode.AppendString([]byte("d"), "files"), 'd')
	for _, h := range hashes {
		c, ok := t.countOf(h)
		if !ok {
			continue
		}
		b = append(bencode.AppendString(b, h[:]), 'd')
		b = bencode.AppendInt(bencode.AppendString(b, "complete"), int64(c.Complete))
		b = bencode.AppendInt(bencode.AppendString(b, "downloaded"), int64(c.Downloaded))
		b = bencode.AppendInt(bencode.AppendString(b, "incomplete"), int64(c.Incomplete))
		b = append(b, 'e')
	}
	header(w)
	_, _ = w.Write(append(b, "ee"...))
}

func header(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Cache-Control", "no-store")
}

// writeFailure says no in the protocol's way: clients don't read an HTTP status.
func writeFailure(w http.ResponseWriter, reason string) {
	header(w)
	b := bencode.AppendString([]byte("d"), "failure reason")
	_, _ = w.Write(append(bencode.AppendString(b, reason), 'e'))
}

var errQuery = errors.New("not an announce of this protocol")

// values reads a query of bounded length.
func values(raw string) (url.Values, error) {
	if len(raw) > maxQuery {
		return nil, errQuery
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errQuery
	}
	return v, nil
}

func parseQuery(raw string) (query, error) {
	v, err := values(raw)
	if err != nil {
		return query{}, err
	}
	hash, id := v.Get("info_hash"), v.Get("peer_id")
	port, err := strconv.ParseUint(v.Get("port"), 10, 16)
	if err != nil || port == 0 || len(hash) != 20 || len(id) != 20 {
		return query{}, errQuery
	}
	q := query{
		hash: metainfo.Hash([]byte(hash)), id: peerID([]byte(id)), port: uint16(port), event: v.Get("event"),
		whole: v.Get("left") == "0", want: maxPeers, compact: v.Get("compact") == "1", noID: v.Get("no_peer_id") == "1",
	}
	if want, err := strconv.ParseUint(v.Get("numwant"), 10, 16); err == nil {
		q.want = min(int(want), maxPeers)
	}
	return q, nil
}

func parseScrape(raw string) ([]metainfo.Hash, error) {
	v, err := values(raw)
	if err != nil {
		return nil, err
	}
	names := v["info_hash"]
	if len(names) == 0 || len(names) > maxScrape {
		return nil, errQuery
	}
	hashes := make([]metainfo.Hash, 0, len(names))
	for _, name := range names {
		if len(name) != 20 {
			return nil, errQuery
		}
		hashes = append(hashes, metainfo.Hash([]byte(name)))
	}
	// A dictionary's keys are in order and never twice.
	slices.SortFunc(hashes, func(a, b metainfo.Hash) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(hashes), nil
}
