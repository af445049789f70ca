package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/share"
	"github.com/tubelet/tubelet/store"
)

// giveTorrents makes the torrents of all videos, hidden ones too, and returns an infohash of
// each.
func (c channelOf) giveTorrents(t *testing.T) map[string]metainfo.Hash {
	t.Helper()
	hashes := map[string]metainfo.Hash{}
	list, _, err := c.store.Videos(t.Context(), store.List{Audience: store.Everyone})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		dir := filepath.Join(c.data, "videos", v.ID, "1")
		for _, r := range v.Media.Renditions {
			film := fileBody(r.File)
			torrent, err := metainfo.Build(t.Context(), strings.NewReader(string(film)+v.ID), r.Bytes+int64(len(v.ID)), v.Media.Duration, r.Name(), ".mp4")
			if err != nil {
				t.Fatal(err)
			}
			r.Infohash, r.Pieces = torrent.InfoHash.String(), torrent.PieceLength
			for name, body := range map[string][]byte{r.TorrentFile(): torrent.Encode(nil, nil), r.HashesFile(): []byte(`{"0-9":"00"}`)} {
				if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.store.SetTorrent(t.Context(), store.MediaRef{Video: v.ID, Rev: 1}, r); err != nil {
				t.Fatal(err)
			}
			hashes[v.ID] = torrent.InfoHash
		}
	}
	time.Sleep(seen)
	return hashes
}

// announce asks the tracker about an infohash, as a torrent program does.
func (c channelOf) announce(t *testing.T, h metainfo.Hash) string {
	t.Helper()
	q := url.Values{"info_hash": {string(h[:])}, "peer_id": {"-qB4500-123456789012"}, "port": {"6881"}, "left": {"9"}, "compact": {"1"}}
	return c.get(t, "/tracker/announce?"+q.Encode()).body
}

// TestSwarmsOfListedVideosOnly asks page, files, feeds and tracker about each kind of video.
func TestSwarmsOfListedVideosOnly(t *testing.T) {
	c := newChannel(t)
	hashes := c.giveTorrents(t)
	check := func(when, id string, want bool) {
		t.Helper()
		// Of a draft or a scheduled video only the creator sees anything at all.
		for _, address := range []string{id, c.keys.Address(id)} {
			page := c.get(t, "/w/"+address).body + c.get(t, "/embed/"+address).body
			if found := strings.Contains(page, "swarm") || strings.Contains(page, "magnet:"); found != want && !(want && address != id) {
				t.Errorf("%s: the page of %s tells of a swarm: %v", when, address, found)
			}
			for _, file := range []string{"720p.torrent", "480p.torrent", segmentHashes} {
				a := c.get(t, "/media/"+address+"/1/"+file)
				if found := a.StatusCode == 200; found != want {
					t.Errorf("%s: %s of %s: %d", when, file, address, a.StatusCode)
				}
			}
			if a := c.get(t, "/media/"+address+"/1/720p.hashes.json"); a.StatusCode != 404 {
				t.Errorf("%s: a file of ours is served as it is: %d", when, a.StatusCode)
			}
		}
		// One is enough here, for the tracker limits who asks; package share looks at all.
		if h, ok := hashes[id]; ok {
			if answer := c.announce(t, h); strings.Contains(answer, "failure") == want || !want && !strings.Contains(answer, "unknown infohash") {
				t.Errorf("%s: the tracker says of %s: %q", when, id, answer)
			}
		}
		feeds := c.get(t, "/feed.xml").body + c.get(t, "/feed.atom").body + c.get(t, "/feed.json").body
		if found := strings.Contains(feeds, "/"+id+"/1/720p.torrent"); found != want {
			t.Errorf("%s: feeds name the torrent of %s: %v", when, id, found)
		}
	}
	for _, v := range kinds() {
		check("as it is", v.ID, v.ID == public)
	}
	c.set(t, "p2p", "off")
	check("switched off", public, false)
	c.set(t, "p2p", "ask")
	check("asking", public, true)
	v, err := c.store.Video(t.Context(), public)
	if err != nil {
		t.Fatal(err)
	}
	v.P2P = offer.Off
	c.update(t, v)
	check("this one off", public, false)
	v.P2P, v.Visibility = "on", store.Unlisted
	c.update(t, v)
	check("unlisted", public, false)
	v.Visibility = store.Public
	c.update(t, v)
	check("back again", public, true)
}

func (c channelOf) update(t *testing.T, v store.Video) {
	t.Helper()
	if err := c.store.UpdateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	time.Sleep(seen)
}

// TestTorrentNamesUsAlone reads every address in a torrent and its magnet link.
func TestTorrentNamesUsAlone(t *testing.T) {
	c := newChannel(t)
	c.giveTorrents(t)
	a := c.get(t, "/media/"+public+"/1/720p.torrent")
	torrent, err := metainfo.Parse([]byte(a.body))
	if err != nil || a.Header.Get("Content-Type") != "application/x-bittorrent" {
		t.Fatalf("%s, %v", a.Header.Get("Content-Type"), err)
	}
	for _, want := range []string{"http://127.0.0.1:8080/tracker/announce", "ws://127.0.0.1:8080/tracker/socket", "8:url-list", "http://127.0.0.1:8080/media/" + public + "/1/720p.mp4"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the torrent lacks %s", want)
		}
	}
	if n, own := strings.Count(a.body, "://"), strings.Count(a.body, "://127.0.0.1:8080/"); n != own {
		t.Errorf("of %d addresses %d are ours", n, own)
	}
	if page := c.get(t, "/w/"+public).body; !strings.Contains(page, "magnet:?xt=urn:btih:"+torrent.InfoHash.String()) {
		t.Error("the page has no magnet link of it")
	}
	if got := c.get(t, "/media/"+public+"/1/"+segmentHashes); got.body != `{"480p.mp4":{"0-9":"00"},"720p.mp4":{"0-9":"00"}}` || got.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("segment hashes: %s", got.body)
	}
}

// TestSocket opens the tracker's WebSocket through all that stands before it.
func TestSocket(t *testing.T) {
	c := newChannel(t)
	for _, w := range []struct {
		origin string
		join   bool
	}{{"http://127.0.0.1:8080", true}, {"", true}, {"https://elsewhere.example", false}, {"null", false}} {
		h := http.Header{}
		if w.origin != "" {
			h.Set("Origin", w.origin)
		}
		if got := c.own(w.origin); got != (w.join && w.origin != "") {
			t.Errorf("%q is ours: %v", w.origin, got)
		}
		conn, res, err := websocket.Dial(t.Context(), strings.Replace(c.url, "http", "ws", 1)+"/tracker/socket", &websocket.DialOptions{HTTPHeader: h})
		if err != nil {
			t.Errorf("%q: %v, %v", w.origin, res, err)
			continue
		}
		conn.CloseNow()
	}
}

// TestBudgetedFiles sends a film while the upload has a limit, whole and in part.
func TestBudgetedFiles(t *testing.T) {
	c := newChannel(t)
	c.set(t, "upload.rate", "8MB")
	if err := c.limit(t); err != nil {
		t.Fatal(err)
	}
	film := string(fileBody("720p.mp4"))
	for _, w := range []struct {
		path, header string
		status       int
		want         string
	}{
		{"/media/" + public + "/1/720p.mp4", "", 200, film},
		{"/media/" + public + "/1/720p.mp4", "Range: bytes=1000-70000", 206, film[1000:70001]},
		{"/media/" + public + "/1/720p.mp4?first=5000", "", 200, film[:5000]},
		{"/media/" + public + "/1/720p.mp4", "Range: bytes=99999999-", 416, ""},
		{"/download/" + public + "/720p.mp4", "", 200, film},
		{"/media/" + public + "/1/720p.mp4", share.Viewer + ": " + strings.Repeat("ab", 20), 200, film},
		{"/media/" + public + "/1/720p.mp4", share.Viewer + ": nonsense", 200, film},
	} {
		header := []string{}
		if w.header != "" {
			header = append(header, w.header)
		}
		a := c.get(t, w.path, header...)
		if a.StatusCode != w.status || w.status < 300 && a.body != w.want {
			t.Errorf("%s %s: %d, %d bytes, want %d, %d", w.path, w.header, a.StatusCode, len(a.body), w.status, len(w.want))
		}
	}
	if a := c.ask(t, "HEAD", "/media/"+public+"/1/720p.mp4"); a.StatusCode != 200 || a.ContentLength != int64(len(film)) {
		t.Errorf("HEAD: %d, %d bytes", a.StatusCode, a.ContentLength)
	}
	if a := c.ask(t, "OPTIONS", "/media/"+public+"/1/720p.mp4"); strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), share.Viewer) {
		t.Error("pages of others may call themselves viewers")
	}
}

// limit makes the site heed its settings, which its loop does in a running server.
func (c channelOf) limit(t *testing.T) error {
	t.Helper()
	return c.share.Limit(t.Context())
}

// TestUploadLimitHolds changes the limit of a running server, and downloads.
func TestUploadLimitHolds(t *testing.T) {
	cfg := runConfig(t)
	r := run(t, cfg)
	film := "/media/" + public + "/1/720p.mp4"
	size := int64(len(fileBody("720p.mp4")))
	if err := cfg.Store.SetSetting(t.Context(), "upload.rate", fmt.Sprint(size/1000, "kB")); err != nil {
		t.Fatal(err)
	}
	// It takes a second to be heeded, and then about a second for each download.
	for deadline := time.Now().Add(20 * time.Second); ; {
		start := time.Now()
		res, err := http.Get(r.url + film)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if n != size || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if time.Since(start) > 500*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the limit does not hold")
		}
	}
	if _, err := r.ended(t); err != nil {
		t.Fatal(err)
	}
	today, _, err := cfg.Store.Traffic(t.Context(), time.Now())
	if err != nil || today["http"] < size {
		t.Errorf("counted %v, %v", today, err)
	}
}
