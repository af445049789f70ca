//go:build bench

package soak

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/coder/websocket"
)

const kept = 8 // videos at a time; older ones are removed

// pause waits and says whether there is still time.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// any returns one of the videos.
func (r *rig) any() (video, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.videos) == 0 {
		return video{}, false
	}
	return r.videos[rand.IntN(len(r.videos))], true
}

// view is a viewer: pages, a watch page, the film in ranges, a view.
func (r *rig) view(ctx context.Context, i int) {
	client := &http.Client{Transport: &http.Transport{DialContext: from(1, i).DialContext}, Timeout: 20 * time.Second}
	for pause(ctx, 200*time.Millisecond) {
		v, ok := r.any()
		if !ok {
			continue
		}
		for _, path := range []string{"/", "/w/" + v.ID, "/search?q=soak", "/feed.xml", "/embed/" + v.ID} {
			begun := time.Now()
			if r.get(ctx, client, "http://"+ours+path, "") {
				r.mu.Lock()
				r.pages = append(r.pages, time.Since(begun))
				r.mu.Unlock()
				r.count("pages")
			}
		}
		for at := int64(0); at < v.Bytes; at += 256 << 10 {
			if r.get(ctx, client, v.URL, fmt.Sprintf("bytes=%d-%d", at, min(at+256<<10, v.Bytes)-1)) {
				r.count("ranges")
			}
		}
		if res, err := client.Post("http://"+ours+"/views/"+v.ID, "application/x-www-form-urlencoded", nil); err == nil {
			res.Body.Close()
			r.count("views")
		}
		client.CloseIdleConnections()
	}
}

// get asks for a page or a range. A video that was removed meanwhile is no error.
func (r *rig) get(ctx context.Context, client *http.Client, url, span string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		r.Error(err)
		return false
	}
	if span != "" {
		request.Header.Set("Range", span)
	}
	res, err := client.Do(request)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		r.Logf("%s: %v", url, err)
		r.count("errors")
		return false
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return false
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent:
		r.Logf("%s: %s", url, res.Status)
		r.count("errors")
		return false
	}
	return true
}

// peer is a browser of the swarm: it announces with offers, hears, and goes.
func (r *rig) peer(ctx context.Context, i int) {
	client := &http.Client{Transport: &http.Transport{DialContext: from(2, i).DialContext, DisableKeepAlives: true}}
	for pause(ctx, 500*time.Millisecond) {
		v, ok := r.any()
		if !ok || v.InfoHash == "" {
			continue
		}
		round, cancel := context.WithTimeout(ctx, 20*time.Second)
		conn, res, err := websocket.Dial(round, "ws://"+ours+"/tracker/socket", &websocket.DialOptions{
			HTTPClient: client, HTTPHeader: http.Header{"Origin": {"http://" + ours}},
		})
		if err != nil {
			if ctx.Err() == nil && (res == nil || res.StatusCode != http.StatusTooManyRequests) {
				r.Logf("tracker: %v", err)
				r.count("errors")
			}
			cancel()
			continue
		}
		r.announce(round, conn, v)
		conn.CloseNow()
		cancel()
	}
}

func (r *rig) announce(ctx context.Context, conn *websocket.Conn, v video) {
	var hash [20]byte
	if n, err := hex.Decode(hash[:], []byte(v.InfoHash)); err != nil || n != len(hash) {
		r.Errorf("infohash %q: %v", v.InfoHash, err)
		return
	}
	var id [20]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64())
	offers := make([]map[string]any, 5)
	for i := range offers {
		offers[i] = map[string]any{"offer_id": latin(id) + fmt.Sprint(i), "offer": map[string]any{"type": "offer", "sdp": "v=0\r\n"}}
	}
	message, err := json.Marshal(map[string]any{
		"action": "announce", "info_hash": latin(hash), "peer_id": latin(id), "numwant": 5, "left": 100, "uploaded": 0, "downloaded": 0,
		"event": "started", "offers": offers,
	})
	if err != nil || conn.Write(ctx, websocket.MessageText, message) != nil {
		return
	}
	for range 20 {
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
		r.count("announces")
		if rand.IntN(4) == 0 {
			return
		}
	}
}

// latin is how WebTorrent puts bytes into JSON.
func latin(b [20]byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// publishes publishes a video every while, and removes the oldest.
func (r *rig) publishes(ctx context.Context) {
	for pause(ctx, 10*time.Second) {
		r.publish(ctx)
		r.mu.Lock()
		var old string
		if len(r.videos) > kept {
			old, r.videos = r.videos[0].ID, r.videos[1:]
		}
		r.mu.Unlock()
		if old == "" {
			continue
		}
		if out, err := r.program(ctx, "rm", old, "--yes").CombinedOutput(); err != nil && ctx.Err() == nil {
			r.Errorf("rm: %v: %s", err, out)
		}
	}
}

// publish publishes the clip once more: with another box at its end it is another file.
func (r *rig) publish(ctx context.Context) {
	clip, err := os.ReadFile(r.clip)
	if err != nil {
		r.Error(err)
		return
	}
	other := binary.BigEndian.AppendUint32(clip, 16)
	other = binary.BigEndian.AppendUint64(append(other, "free"...), rand.Uint64())
	path := filepath.Join(filepath.Dir(r.clip), "next.mp4")
	if err := os.WriteFile(path, other, 0o600); err != nil {
		r.Error(err)
		return
	}
	out, err := r.program(ctx, "publish", path, "--title", "A soak", "--no-wait", "--json").Output()
	if err != nil {
		if ctx.Err() == nil {
			r.Errorf("publish: %v: %s", err, out)
		}
		return
	}
	var said struct{ ID string }
	lines := json.NewDecoder(bytes.NewReader(out))
	for said.ID == "" && lines.Decode(&said) == nil {
	}
	r.watchable(ctx, said.ID)
}

// watchable waits until the video has a rendition and its torrent, and puts it to the others.
func (r *rig) watchable(ctx context.Context, id string) {
	for range 300 {
		out, err := r.program(ctx, "show", id, "--json").Output()
		var shown struct {
			ID         string
			Renditions []struct {
				URL, InfoHash string
				Bytes         int64
			}
		}
		if err == nil && json.Unmarshal(out, &shown) == nil && len(shown.Renditions) > 0 && shown.Renditions[0].InfoHash != "" {
			low := shown.Renditions[len(shown.Renditions)-1]
			r.mu.Lock()
			r.videos = append(r.videos, video{shown.ID, low.InfoHash, low.URL, low.Bytes})
			r.mu.Unlock()
			r.count("published")
			return
		}
		if !pause(ctx, 300*time.Millisecond) {
			return
		}
	}
	r.Errorf("%s did not become watchable", id)
}
