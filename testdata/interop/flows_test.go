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

// flows goes through what people do, with Ada on a server with Mastodon's client API.
func flows(t *testing.T, r *rig, p *place) {
	c := p.people["ada"]
	older := r.publish("An older video")
	them := c.find("accounts", "@workshop@"+ours)
	if them == nil {
		t.Fatal("FAILS: the handle is not found")
	}
	t.Logf("works: the handle is found: %v, %v", them["acct"], them["display_name"])
	r.save("account", them)
	back := c.find("statuses", older)
	t.Logf("an older video, looked up by address: found %v", back != nil)

	account := c.account("@workshop@" + ours)
	c.to(account, "follow")
	r.wait("follow", func() bool { return len(r.list("followers")) == 1 })
	r.wait("our Accept", func() bool { follows, _ := c.follows(account); return follows })

	object := r.publish("A bench vise")
	var post map[string]any
	if !r.wait("a new video arrives", func() bool { post = c.home(object); return post != nil }) {
		return
	}
	t.Logf("shown: title or warning %q, text %q, link %v, media %v, card %v", post["spoiler_text"], post["content"], post["url"], post["media_attachments"], post["card"])
	r.save("video", post)

	c.on(post, "favourite")
	r.wait("like", func() bool { return r.count(object, "likes") == 1 })
	c.on(post, "reblog")
	r.wait("boost", func() bool { return r.count(object, "shares") == 1 })
	said := replies(t, r, c, post)
	answers(t, r, p, post, said)
	moderation(t, r, c, object)
	edits(t, r, c, object)

	c.on(post, "unfavourite")
	r.wait("like taken back", func() bool { return r.count(object, "likes") == 0 })
	c.on(post, "unreblog")
	r.wait("boost taken back", func() bool { return r.count(object, "shares") == 0 })
	c.call(http.MethodDelete, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), nil)
	p.expect(r, "reply deleted", func() bool { return !has(r.list("comments"), "It holds") && !has(r.list("comments"), "It slips") })

	r.tubelet("rm", part(object), "--yes")
	r.wait("removal of the video arrives", func() bool { return c.home(object) == nil })

	approval(t, r, p, account)
	blocks(t, r, p, account)
	arrives(t, r, p)
	if !p.seldom {
		leaves(t, r, p)
	}
}

// replies has Ada answer a video, answer that, and edit it. It returns the first answer.
func replies(t *testing.T, r *rig, c *client, post map[string]any) map[string]any {
	t.Helper()
	said := c.say(mention+"It slips at 0:05", post)
	r.wait("reply", func() bool { return has(r.list("comments"), "It slips") })
	c.say(mention+"Mine, I mean", said)
	r.wait("reply to the reply stands under it", func() bool {
		list := r.list("comments")
		return has(list, "Mine, I mean") && list[0]["parent"] == list[len(list)-1]["id"]
	})
	c.call(http.MethodPut, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), url.Values{"status": {mention + "It holds after all"}})
	r.wait("edit of the reply", func() bool { return has(r.list("comments"), "It holds") })
	return said
}

// answers has the creator answer what was said below a video, like and boost it.
func answers(t *testing.T, r *rig, p *place, post, said map[string]any) {
	t.Helper()
	c, list := p.people["ada"], r.list("comments")
	if len(list) == 0 {
		t.Fatal("there is nothing to answer")
	}
	comment := fmt.Sprint(list[len(list)-1]["id"])
	answered := r.tubelet("reply", comment, "Glad to *hear* it").(map[string]any)
	r.wait("the creator's answer arrives", func() bool { return c.heard(post, "hear") })
	r.save("thread", c.call(http.MethodGet, fmt.Sprintf("/api/v1/statuses/%s/context", post["id"]), nil))
	r.picture(p.page, "hear")

	for deed, count := range map[string]string{"like": "favourites_count", "boost": "reblogs_count"} {
		counted := func() float64 {
			now, _ := c.call(http.MethodGet, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), nil).(map[string]any)
			n, _ := now[count].(float64)
			return n
		}
		r.tubelet(deed, comment)
		r.wait("the creator's "+deed+" arrives", func() bool { return counted() == 1 })
		r.save("said-"+deed, c.call(http.MethodGet, fmt.Sprintf("/api/v1/statuses/%s", said["id"]), nil))
		r.tubelet(deed, comment, "--undo")
		p.expect(r, "the creator's "+deed+" is taken back", func() bool { return counted() == 0 })
	}
	r.tubelet("comments", "rm", fmt.Sprint(answered["id"]))
	r.wait("the creator's answer goes", func() bool { return !c.heard(post, "hear") })
}

// moderation hides what was said below a video, shows it again, and has a reply to another
// video wait until it is approved.
func moderation(t *testing.T, r *rig, c *client, object string) {
	t.Helper()
	before := r.count(object, "comments")
	comment := fmt.Sprint(first(r.list("comments"), "It holds")["id"])
	r.tubelet("comments", "hide", comment)
	r.wait("a hidden comment is told nobody", func() bool { return r.count(object, "comments") < before })
	r.tubelet("comments", "show", comment)
	r.wait("and is again once it is shown", func() bool { return r.count(object, "comments") == before })

	asking := r.publish("Ask me first", "--comments", "approve")
	var post map[string]any
	if !r.wait("a video with approval arrives", func() bool { post = c.home(asking); return post != nil }) {
		return
	}
	c.say(mention+"May I?", post)
	r.wait("a reply to it waits", func() bool { return has(r.list("comments", "--held"), "May I?") })
	if r.count(asking, "comments") != 0 {
		t.Error("FAILS: what waits is told")
	}
	r.tubelet("comments", "approve", fmt.Sprint(first(r.list("comments", "--held"), "May I?")["id"]))
	r.wait("it is approved", func() bool { return r.count(asking, "comments") == 1 })
	t.Logf("our ApproveReply, of which only PeerTube knows: %v", r.tubelet("federation"))
}

// edits changes the title of a video.
func edits(t *testing.T, r *rig, c *client, object string) {
	t.Helper()
	r.tubelet("edit", part(object), "--title", "A better vise")
	if !r.wait("edit of the video arrives", func() bool { return strings.Contains(c.seen(object), "better") }) {
		t.Logf("it is seen as %s", c.seen(object))
	}
}

// approval has the creator refuse and approve a follower.
func approval(t *testing.T, r *rig, p *place, account string) {
	t.Helper()
	c, acct := p.people["ada"], p.acct("ada")
	c.to(account, "unfollow")
	r.wait("unfollow", func() bool { return len(r.list("followers")) == 0 })
	r.tubelet("config", "set", "followers.approve", "true")
	waits := func() bool { list := r.list("followers"); return len(list) == 1 && list[0]["state"] == "asks" }
	c.to(account, "follow")
	r.wait("a follow waits for the creator", waits)
	follows, asks := c.follows(account)
	t.Logf("meanwhile it is shown as follows %v, asks %v", follows, asks)
	r.tubelet("followers", "rm", acct)
	p.expect(r, "it is refused there", func() bool { follows, asks := c.follows(account); return !follows && !asks })
	c.to(account, "follow")
	r.wait("they may ask again", waits)
	tried := r.queued()
	r.tubelet("followers", "approve", acct)
	r.settled("our Accept is taken", tried)
	r.wait("it is approved there", func() bool { follows, _ := c.follows(account); return follows })
	r.tubelet("config", "set", "followers.approve", "false")
}

// blocks has both sides block each other.
func blocks(t *testing.T, r *rig, p *place, account string) {
	t.Helper()
	c, acct := p.people["ada"], p.acct("ada")
	if p.lacks["their block ends the follow"] == "" {
		c.to(account, "block")
	}
	if p.expect(r, "their block ends the follow", func() bool { return len(r.list("followers")) == 0 }) {
		c.to(account, "unblock")
		c.to(account, "follow")
		r.wait("follow after the block", func() bool { return len(r.list("followers")) == 1 })
	}
	r.tubelet("block", acct)
	r.wait("our block", func() bool { return len(r.list("followers")) == 0 })
	time.Sleep(10 * time.Second) // snac2 reads our outbox some seconds after it was let follow
	silent := r.publish("Not for everybody")
	for range 10 { // it would come within a second
		if post := c.home(silent); post != nil {
			t.Errorf("FAILS: what is new after our block arrives: %v; followers %v, %s", post, r.list("followers"), r.tubelet("federation", "status", "--json"))
			return
		}
		time.Sleep(time.Second)
	}
	t.Log("works: what is new after our block does not arrive")
	r.tubelet("unblock", acct)
}

// arrives has Dora move to us, which takes Bea along.
func arrives(t *testing.T, r *rig, p *place) {
	t.Helper()
	bea := p.people["bea"]
	dora := bea.account(p.acct("dora"))
	bea.to(dora, "follow")
	r.wait("Bea follows Dora", func() bool {
		p.people["dora"].welcome()
		follows, _ := bea.follows(dora)
		return follows && p.people["dora"].notified("bea")
	})
	r.tubelet("move-from", p.acct("dora"))
	p.move("dora", person)
	r.wait("Dora moves to us, and with her a follower", func() bool { return has(r.list("followers"), "@bea@") })
}

// leaves has the channel move to Carl, which takes Bea along.
func leaves(t *testing.T, r *rig, p *place) {
	t.Helper()
	bea := p.people["bea"]
	carl := bea.account(p.acct("carl"))
	p.alias("carl", person)
	r.tubelet("move-to", p.acct("carl"), "--yes")
	r.wait("the channel moves, and with it a follower", func() bool { p.people["carl"].welcome(); follows, _ := bea.follows(carl); return follows })
	r.wait("who has left us", func() bool { return !has(r.list("followers"), "@bea@") })
}

func has(list []map[string]any, text string) bool { return first(list, text) != nil }

// first returns the first comment or follower with that text.
func first(list []map[string]any, text string) map[string]any {
	for _, one := range list {
		if strings.Contains(fmt.Sprint(one["text"], one["acct"]), text) {
			return one
		}
	}
	return nil
}
