//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	peertube = "https://peertube.test"
	channel  = "workshop_channel@" + ours
	database = "/usr/lib/postgresql/15/bin/" // Debian 12's
)

// TestPeerTube runs what people do on a PeerTube server, which needs PostgreSQL and Redis.
func TestPeerTube(t *testing.T) {
	dir := os.Getenv("PEERTUBE")
	if dir == "" {
		t.Skip("PEERTUBE does not name a folder")
	}
	r := newRig(t, "peertube")
	p := startPeerTube(t, r, dir)
	r.publish("An older video")

	var found []any
	r.wait("the channel is found by its handle", func() bool {
		found = items(p.call(http.MethodGet, "/api/v1/search/video-channels?search="+url.QueryEscape(channel), nil))
		return len(found) == 1
	})
	if len(found) != 1 {
		return
	}
	t.Logf("it is shown as %v", pick(found[0], "displayName", "name", "description", "followersCount"))
	asked(t, r, p)
	r.wait("the back catalogue arrives", func() bool { return p.video("An older video") != nil })

	// Following the account too, the server gets the Person's Create twice and the Group's Announce.
	p.call(http.MethodPost, "/api/v1/server/following", map[string]any{"handles": []string{"workshop@" + ours}})
	r.wait("the server follows the account besides", func() bool { return len(r.list("followers")) == 2 })

	object := r.publish("A bench vise", texts(t)...)
	var video map[string]any
	if !r.wait("a new video arrives", func() bool { video = p.video("A bench vise"); return video != nil }) {
		return
	}
	shown(t, r, p, video)
	feedback(t, r, p, object, video)
	approved(t, r, p)

	r.tubelet("edit", part(object), "--title", "A better vise")
	r.wait("edit of the video arrives", func() bool { return p.video("A better vise") != nil })
	r.tubelet("rm", part(object), "--yes")
	r.wait("removal of the video arrives", func() bool { return p.video("A better vise") == nil })
	p.call(http.MethodDelete, "/api/v1/server/following/workshop@"+ours, nil)
	p.call(http.MethodDelete, "/api/v1/users/me/subscriptions/"+channel, nil)
	r.wait("subscription taken back", func() bool { return len(r.list("followers")) == 0 })
	p.call(http.MethodPost, "/api/v1/users/me/subscriptions", map[string]any{"uri": channel})
	r.wait("subscription once more, by its old id", func() bool { return len(r.list("followers")) == 1 })
}

// texts writes captions and chapters, and returns how to publish them.
func texts(t *testing.T) []string {
	t.Helper()
	captions, chapters := filepath.Join(t.TempDir(), "c.srt"), filepath.Join(t.TempDir(), "chapters.txt")
	must(t, os.WriteFile(captions, []byte("1\n00:00:01,000 --> 00:00:03,000\nHold it like this.\n"), 0o644))
	must(t, os.WriteFile(chapters, []byte("0:00 The vise\n0:03 The jaws\n"), 0o644))
	return []string{"--language", "en", "--license", "CC-BY-4.0", "--caption", "en=" + captions, "--chapters", chapters}
}

// approved comments where the creator looks first.
func approved(t *testing.T, r *rig, p *tube) {
	t.Helper()
	asking := r.publish("Ask me first", "--comments", "approve")
	var video map[string]any
	if !r.wait("a video with approval arrives", func() bool { video = p.video("Ask me first"); return video != nil }) {
		return
	}
	at := "/api/v1/videos/" + fmt.Sprint(video["uuid"])
	t.Logf("its policy is shown as %v", pick(p.call(http.MethodGet, at, nil), "commentsPolicy"))
	p.call(http.MethodPost, at+"/comment-threads", map[string]any{"text": "May I?"})
	r.wait("a comment on it waits", func() bool { return has(r.list("comments", "--held"), "May I?") })
	held := func(word string) bool {
		answer := p.call(http.MethodGet, at+"/comment-threads", nil)
		r.save("tube-approval", answer)
		return contains(answer, `"heldForReview":`+word)
	}
	r.wait("there too", func() bool { return held("true") })
	r.tubelet("comments", "approve", fmt.Sprint(first(r.list("comments", "--held"), "May I?")["id"]))
	r.wait("it is approved", func() bool { return r.count(asking, "comments") == 1 })
	r.wait("and they hear of it", func() bool { return held("false") })
}

// asked subscribes where the creator looks first.
func asked(t *testing.T, r *rig, p *tube) {
	t.Helper()
	r.tubelet("config", "set", "followers.approve", "true")
	p.call(http.MethodPost, "/api/v1/users/me/subscriptions", map[string]any{"uri": channel})
	if !r.wait("a subscription waits for the creator", func() bool { list := r.list("followers"); return len(list) == 1 && list[0]["state"] == "asks" }) {
		t.FailNow()
	}
	listed := func() bool { return len(items(p.call(http.MethodGet, "/api/v1/users/me/subscriptions", nil))) == 1 }
	t.Logf("meanwhile it is listed there: %v", listed())
	r.tubelet("followers", "approve", fmt.Sprint(r.list("followers")[0]["acct"]))
	r.wait("it is approved", func() bool { return r.list("followers")[0]["state"] == "follows" && listed() })
	r.tubelet("config", "set", "followers.approve", "false")
}

// shown logs what PeerTube made of a video.
func shown(t *testing.T, r *rig, p *tube, video map[string]any) {
	t.Helper()
	at := "/api/v1/videos/" + fmt.Sprint(video["uuid"])
	whole := p.call(http.MethodGet, at, nil)
	t.Logf("shown: %v", pick(whole, "name", "description", "duration", "language", "licence", "tags", "commentsPolicy", "url"))
	r.save("tube-video", whole)
	got, _ := whole.(map[string]any)
	for _, playlist := range got["streamingPlaylists"].([]any) {
		t.Logf("playlist: %v, %d files", pick(playlist, "playlistUrl", "segmentsSha256Url"), len(playlist.(map[string]any)["files"].([]any)))
		if status(fmt.Sprint(playlist.(map[string]any)["playlistUrl"])) != http.StatusOK {
			t.Error("FAILS: its playlist does not answer")
		}
	}
	for kind, text := range map[string]string{"captions": `"id":"en"`, "chapters": "The jaws", "storyboards": "spriteDuration"} {
		if r.wait("its "+kind, func() bool { return contains(p.call(http.MethodGet, at+"/"+kind, nil), text) }) {
			r.save("tube-"+kind, p.call(http.MethodGet, at+"/"+kind, nil))
		}
	}
	if list := items(p.call(http.MethodGet, "/api/v1/video-channels/"+channel+"/videos", nil)); len(list) != 2 {
		t.Errorf("FAILS: of two videos %d are there", len(list))
	}
	r.picture(peertube+"/w/"+fmt.Sprint(video["shortUUID"]), "A bench vise")
}

// feedback is what viewers there do with a video.
func feedback(t *testing.T, r *rig, p *tube, object string, video map[string]any) {
	at := "/api/v1/videos/" + fmt.Sprint(video["uuid"])
	p.call(http.MethodPut, at+"/rate", map[string]any{"rating": "like"})
	r.wait("like", func() bool { return r.count(object, "likes") == 1 })
	p.call(http.MethodPut, at+"/rate", map[string]any{"rating": "dislike"})
	r.wait("dislike instead", func() bool { return r.count(object, "dislikes") == 1 && r.count(object, "likes") == 0 })
	p.call(http.MethodPut, at+"/rate", map[string]any{"rating": "none"})
	r.wait("neither", func() bool { return r.count(object, "dislikes") == 0 })
	p.call(http.MethodPut, at+"/rate", map[string]any{"rating": "like"})
	r.wait("like once more, by its old id", func() bool { return r.count(object, "likes") == 1 })
	p.call(http.MethodPut, at+"/rate", map[string]any{"rating": "none"})
	r.wait("and no longer", func() bool { return r.count(object, "likes") == 0 })

	thread := p.call(http.MethodPost, at+"/comment-threads", map[string]any{"text": "It slips at 0:05"})
	r.wait("comment", func() bool { return has(r.list("comments"), "It slips") })
	number := fmt.Sprint(pick(thread.(map[string]any)["comment"], "id")["id"])
	answer := p.call(http.MethodPost, at+"/comments/"+number, map[string]any{"text": "Mine, I mean"})
	r.wait("answer to the comment", func() bool { return has(r.list("comments"), "Mine, I mean") })
	comment := first(r.list("comments"), "It slips")
	reply := r.tubelet("reply", fmt.Sprint(comment["id"]), "Glad to *hear* it").(map[string]any)
	under := func() any { return p.call(http.MethodGet, at+"/comment-threads/"+number, nil) }
	r.wait("the creator's answer arrives", func() bool { return contains(under(), "Glad to") })
	r.save("tube-thread", under())
	for _, deed := range []string{"like", "boost"} { // PeerTube knows neither of a comment
		r.tubelet(deed, fmt.Sprint(comment["id"]))
		r.settled("the creator's "+deed+" does no harm", 0)
		r.tubelet(deed, fmt.Sprint(comment["id"]), "--undo")
		r.settled("nor does its end", 0)
	}
	r.tubelet("comments", "rm", fmt.Sprint(reply["id"]))
	r.wait("the creator's answer goes", func() bool { return !contains(under(), "Glad to") })
	p.call(http.MethodDelete, at+"/comments/"+fmt.Sprint(pick(answer.(map[string]any)["comment"], "id")["id"]), nil)
	r.wait("comment deleted", func() bool { return !has(r.list("comments"), "Mine, I mean") })

	before := r.views(object)
	for _, second := range []int{1, 3, 5, 6} { // PeerTube counts whoever watched for a while
		p.call(http.MethodPost, at+"/views", map[string]any{"currentTime": second, "sessionId": "interop"})
		time.Sleep(2 * time.Second) // as a player does; PeerTube looks at its own clock
	}
	r.wait("view comes back", func() bool { return r.views(object) > before })
}

func (r *rig) views(object string) float64 {
	var video struct{ Views float64 }
	_ = json.Unmarshal([]byte(get(r.t, object)), &video)
	return video.Views
}

// tube is the administrator of a PeerTube server.
type tube struct {
	t     *testing.T
	token string
}

func (p *tube) call(method, path string, body any) any {
	p.t.Helper()
	var text []byte
	var err error
	if body != nil {
		text, err = json.Marshal(body)
		must(p.t, err)
	}
	q, err := http.NewRequest(method, peertube+path, bytes.NewReader(text))
	must(p.t, err)
	q.Header.Set("Authorization", "Bearer "+p.token)
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	must(p.t, err)
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	must(p.t, err)
	if answer.StatusCode/100 != 2 {
		p.t.Logf("%s %s answers %d %.300s", method, path, answer.StatusCode, text)
	}
	var value any
	_ = json.Unmarshal(text, &value)
	return value
}

// video returns a video of our channel as it is known there.
func (p *tube) video(title string) map[string]any {
	for _, v := range items(p.call(http.MethodGet, "/api/v1/video-channels/"+channel+"/videos", nil)) {
		if v := v.(map[string]any); v["name"] == title {
			return v
		}
	}
	return nil
}

func items(answer any) []any {
	m, _ := answer.(map[string]any)
	list, _ := m["data"].([]any)
	return list
}

func pick(from any, keys ...string) map[string]any {
	m, _ := from.(map[string]any)
	some := map[string]any{}
	for _, key := range keys {
		some[key] = m[key]
	}
	return some
}

func startPeerTube(t *testing.T, r *rig, dir string) *tube {
	t.Helper()
	data := t.TempDir()
	base := filepath.Join(data, "postgres")
	r.run("", "chmod", "-R", "a+rx", filepath.Dir(data)) // PostgreSQL refuses to be root
	must(t, os.Mkdir(base, 0o700))
	r.run("", "chown", "postgres", base)
	r.run("", "runuser", "-u", "postgres", "--", database+"initdb", "-D", base, "-A", "trust")
	r.start("postgres", nil, "runuser", "-u", "postgres", "--", database+"postgres", "-D", base, "-k", base, "-c", "fsync=off")
	r.start("redis", nil, "redis-server", "--save", "", "--dir", data)
	ask := []string{"-h", "127.0.0.1", "-U", "postgres", "-c"}
	for end := time.Now().Add(patience); !succeeds("psql", append(ask, "select 1")...) && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
	}
	r.run("", "psql", append(ask, "create role peertube superuser login")...)
	r.run("", "psql", append(ask, "create database peertube_prod owner peertube")...)
	storage := map[string]string{}
	for _, name := range strings.Fields("tmp tmp_persistent bin avatars web_videos streaming_playlists original_video_files redundancy logs previews thumbnails storyboards torrents captions cache plugins well_known client_overrides") {
		storage[name] = filepath.Join(data, "storage", name) + "/"
	}
	config, err := json.Marshal(map[string]any{
		"listen": map[string]any{"hostname": "127.0.0.1", "port": 22004}, "webserver": map[string]any{"https": true, "hostname": "peertube.test", "port": 443},
		"secrets": map[string]any{"peertube": strings.Repeat("0123456789abcdef", 4)}, "database": map[string]any{"suffix": "_prod"}, "storage": storage,
		"federation": map[string]any{"prevent_ssrf": false}, "views": map[string]any{"videos": map[string]any{"ip_view_expiration": "2 seconds"}},
		"rates_limit": map[string]any{"api": map[string]any{"max": 100_000}}, "log": map[string]any{"level": "info"},
	})
	must(t, err)
	const password = "correct-Horse-battery-9"
	r.start("peertube", []string{"NODE_ENV=production", "NODE_CONFIG_DIR=" + filepath.Join(dir, "config"), "NODE_CONFIG=" + string(config), "PT_INITIAL_ROOT_PASSWORD=" + password},
		"env", "-C", dir, "node", "dist/server")
	r.wait("PeerTube answers", func() bool { return status(peertube+"/api/v1/config") == http.StatusOK })
	p := &tube{t: t}
	program := p.call(http.MethodGet, "/api/v1/oauth-clients/local", nil).(map[string]any)
	answer, err := http.PostForm(peertube+"/api/v1/users/token", url.Values{
		"client_id": {fmt.Sprint(program["client_id"])}, "client_secret": {fmt.Sprint(program["client_secret"])},
		"grant_type": {"password"}, "username": {"root"}, "password": {password},
	})
	must(t, err)
	defer answer.Body.Close()
	var token struct {
		Token string `json:"access_token"`
	}
	must(t, json.NewDecoder(answer.Body).Decode(&token))
	p.token = token.Token
	return p
}
