//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHonk runs what a person on honk does, whose words for it are its own: a zonk removes.
func TestHonk(t *testing.T) {
	dir := os.Getenv("HONK")
	if dir == "" {
		t.Skip("HONK does not name a folder")
	}
	r := newRig(t, "honk")
	h := startHonk(t, r, dir)
	id := h.call("savehonker", "name", "workshop", "url", "@workshop@"+ours)
	r.wait("the handle is found, and follow", func() bool { return len(r.list("followers")) == 1 })
	r.wait("our Accept", func() bool { return strings.Contains(h.call("gethonkers"), `"sub"`) })

	object := r.publish("A bench vise")
	if !r.wait("a new video arrives", func() bool { return h.home(object) != nil }) {
		return
	}
	r.save("honk-video", h.home(object))
	h.call("zonkit", "wherefore", "react", "what", object, "reaction", "\U0001f528")
	r.wait("emoji reaction", func() bool { return r.count(object, "likes") == 1 })
	h.call("zonkit", "wherefore", "bonk", "what", object)
	r.wait("boost", func() bool { return r.count(object, "shares") == 1 })
	h.talks(r, object)
	r.tubelet("edit", part(object), "--title", "A better vise")
	r.wait("edit of the video arrives", func() bool { return contains(h.home(object), "A better vise") })
	h.call("zonkit", "wherefore", "unbonk", "what", object)
	r.wait("boost taken back", func() bool { return r.count(object, "shares") == 0 })
	r.tubelet("rm", part(object), "--yes")
	r.wait("removal of the video arrives", func() bool { return h.home(object) == nil })

	h.call("savehonker", "honkerid", id, "name", "workshop", "unsub", "unsub")
	r.wait("unfollow", func() bool { return len(r.list("followers")) == 0 })
	r.tubelet("config", "set", "followers.approve", "true")
	h.call("savehonker", "honkerid", id, "name", "workshop", "sub", "sub")
	r.wait("a follow waits for the creator", func() bool { list := r.list("followers"); return len(list) == 1 && list[0]["state"] == "asks" })
	r.tubelet("followers", "approve", "@ada@honk.test")
	r.wait("it is approved there", func() bool { return strings.Contains(h.call("gethonkers"), `"sub"`) })
}

// talks has them reply, and the creator answer, like and boost that.
func (h *honk) talks(r *rig, object string) {
	said := h.call("honk", "noise", mention+"It slips at 0:05", "rid", object)
	r.wait("reply", func() bool { return has(r.list("comments"), "It slips") })
	second := h.call("honk", "noise", mention+"Mine, I mean", "rid", said)
	r.wait("reply to the reply stands under it", func() bool {
		list := r.list("comments")
		return has(list, "Mine, I mean") && list[0]["parent"] == list[len(list)-1]["id"]
	})
	h.call("honk", "noise", mention+"It holds after all", "updatexid", said)
	r.wait("edit of the reply", func() bool { return has(r.list("comments"), "It holds") })
	comment := fmt.Sprint(first(r.list("comments"), "It holds")["id"])
	answered := r.tubelet("reply", comment, "Glad to *hear* it").(map[string]any)
	r.wait("the creator's answer arrives", func() bool { return strings.Contains(h.call("gethonks", "page", "atme"), "hear") })
	r.save("honk-answer", h.honks("atme"))
	r.tubelet("comments", "rm", fmt.Sprint(answered["id"]))
	r.wait("the creator's answer goes", func() bool { return !strings.Contains(h.call("gethonks", "page", "atme"), "hear") })
	for _, deed := range []string{"like", "boost"} { // honk shows neither of what is one's own
		r.tubelet(deed, comment)
		r.settled("the creator's "+deed+" is taken", 0)
		r.tubelet(deed, comment, "--undo")
		r.settled("and its end", 0)
	}
	h.call("zonkit", "wherefore", "zonk", "what", second)
	r.wait("reply deleted", func() bool { return !has(r.list("comments"), "Mine, I mean") })
}

// honk is a person on a honk server.
type honk struct {
	t     *testing.T
	token string
}

func (h *honk) post(path string, form url.Values) string {
	answer, err := http.PostForm("https://honk.test"+path, form)
	must(h.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(h.t, err)
	if answer.StatusCode != http.StatusOK {
		h.t.Logf("%s answers %d %.200s", form.Get("action"), answer.StatusCode, text)
	}
	return string(text)
}

// call does something by its API; with are names and values.
func (h *honk) call(action string, with ...string) string {
	form := url.Values{"action": {action}, "token": {h.token}}
	for i := 0; i < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return h.post("/api", form)
}

func (h *honk) honks(page string) []any {
	var answer struct{ Honks []any }
	_ = json.Unmarshal([]byte(h.call("gethonks", "page", page)), &answer)
	return answer.Honks
}

// home returns a post as it is shown, nil where it is not.
func (h *honk) home(uri string) any {
	for _, one := range h.honks("home") {
		if one := one.(map[string]any); one["XID"] == uri && one["What"] != "bonked" {
			return one
		}
	}
	return nil
}

func startHonk(t *testing.T, r *rig, dir string) *honk {
	t.Helper()
	const password = "correct-Horse-battery-9"
	data := t.TempDir()
	r.run("", "chmod", "-R", "a+rx", filepath.Dir(data)) // it refuses to be root
	r.run("", "chown", "nobody", data)
	program := []string{"runuser", "-u", "nobody", "--", filepath.Join(dir, "honk"), "-datadir", data, "-viewdir", dir}
	r.run("ada\n"+password+"\n127.0.0.1:22005\nhonk.test\n", program[0], append(program[1:], "init")...)
	r.start("honk", nil, program[0], program[1:]...)
	r.wait("honk answers", func() bool { return status("https://honk.test/") == http.StatusOK })
	h := &honk{t: t}
	h.token = h.post("/dologin", url.Values{"username": {"ada"}, "password": {password}, "gettoken": {"1"}})
	return h
}
