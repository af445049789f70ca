//go:build interop

package interop

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// mention is what programs write before an answer. Whom it names is sent the answer.
const mention = "@workshop@" + ours + " "

// flows goes through what people do, with a person on a server with Mastodon's client API.
func flows(t *testing.T, r *rig, c *client, acct string) {
	older := r.publish("An older video")
	them := c.find("accounts", "@workshop@"+ours)
	if them == nil {
		t.Fatal("FAILS: the handle is not found")
	}
	t.Logf("works: the handle is found: %v, %v", them["acct"], them["display_name"])
	back := c.find("statuses", older)
	t.Logf("an older video, looked up by address: found %v", back != nil)

	account := fmt.Sprintf("/api/v1/accounts/%s/", them["id"])
	c.call(http.MethodPost, account+"follow", url.Values{})
	r.wait("follow", func() bool { return len(r.list("followers")) == 1 })

	object := r.publish("A bench vise")
	var post map[string]any
	if !r.wait("a new video arrives", func() bool { post = c.home(object); return post != nil }) {
		return
	}
	t.Logf("shown: title or warning %q, text %q, link %v, media %v, card %v", post["spoiler_text"], post["content"], post["url"], post["media_attachments"], post["card"])

	c.on(post, "favourite")
	r.wait("like", func() bool { return r.count(object, "likes") == 1 })
	c.on(post, "reblog")
	r.wait("boost", func() bool { return r.count(object, "shares") == 1 })

	said := c.say(mention+"It slips at 0:05", post)
	r.wait("reply", func() bool { return has(r.list("comments"), "It slips") })
	c.say(mention+"Mine, I mean", said)
	r.wait("reply to the reply stands under it", func() bool {
		list := r.list("comments")
		return has(list, "Mine, I mean") && list[0]["parent"] == list[len(list)-1]["id"]
	})
	c.call(http.MethodPut, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), url.Values{"status": {mention + "It holds after all"}})
	r.wait("edit of the reply", func() bool { return has(r.list("comments"), "It holds") })

	answers(t, r, c, post, said)

	r.tubelet("edit", object[strings.LastIndexByte(object, '/')+1:], "--title", "A better vise")
	if !r.wait("edit of the video arrives", func() bool { return strings.Contains(c.seen(object), "better") }) {
		t.Logf("it is seen as %s; the timeline is %v", c.seen(object), c.call(http.MethodGet, "/api/v1/timelines/home", nil))
	}

	c.on(post, "unfavourite")
	r.wait("like taken back", func() bool { return r.count(object, "likes") == 0 })
	c.on(post, "unreblog")
	r.wait("boost taken back", func() bool { return r.count(object, "shares") == 0 })
	c.call(http.MethodDelete, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), nil)
	r.wait("reply deleted", func() bool { return !has(r.list("comments"), "It holds") && !has(r.list("comments"), "It slips") })

	r.tubelet("rm", object[strings.LastIndexByte(object, '/')+1:], "--yes")
	r.wait("removal of the video arrives", func() bool { return c.home(object) == nil })

	c.call(http.MethodPost, account+"unfollow", url.Values{})
	r.wait("unfollow", func() bool { return len(r.list("followers")) == 0 })
	c.call(http.MethodPost, account+"follow", url.Values{})
	r.wait("follow again", func() bool { return len(r.list("followers")) == 1 })
	c.call(http.MethodPost, account+"block", url.Values{})
	r.wait("their block ends the follow", func() bool { return len(r.list("followers")) == 0 })
	c.call(http.MethodPost, account+"unblock", url.Values{})
	c.call(http.MethodPost, account+"follow", url.Values{})
	r.wait("follow after the block", func() bool { return len(r.list("followers")) == 1 })
	r.tubelet("block", acct)
	r.wait("our block", func() bool { return len(r.list("followers")) == 0 })
	silent := r.publish("Not for everybody")
	for range 10 { // it would come within a second
		if c.home(silent) != nil {
			t.Error("FAILS: what is new after our block arrives")
			return
		}
		time.Sleep(time.Second)
	}
	t.Log("works: what is new after our block does not arrive")
}

// answers has the creator answer what was said below a video, like and boost it.
func answers(t *testing.T, r *rig, c *client, post, said map[string]any) {
	t.Helper()
	list := r.list("comments")
	if len(list) == 0 {
		t.Fatal("there is nothing to answer")
	}
	comment := fmt.Sprint(list[len(list)-1]["id"])
	answered := r.tubelet("reply", comment, "Glad to *hear* it").(map[string]any)
	r.wait("the creator's answer arrives", func() bool { return c.heard(post, "hear") })
	r.tubelet("comments", "rm", fmt.Sprint(answered["id"]))
	r.wait("the creator's answer goes", func() bool { return !c.heard(post, "hear") })

	for deed, count := range map[string]string{"like": "favourites_count", "boost": "reblogs_count"} {
		counted := func() float64 {
			now, _ := c.call(http.MethodGet, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), nil).(map[string]any)
			n, _ := now[count].(float64)
			return n
		}
		r.tubelet(deed, comment)
		r.wait("the creator's "+deed+" arrives", func() bool { return counted() == 1 })
		r.tubelet(deed, comment, "--undo")
		r.wait("the creator's "+deed+" is taken back", func() bool { return counted() == 0 })
	}
}

func has(list []map[string]any, text string) bool { return first(list, text) != nil }

func first(list []map[string]any, text string) map[string]any {
	for _, one := range list {
		if strings.Contains(fmt.Sprint(one["text"]), text) {
			return one
		}
	}
	return nil
}
