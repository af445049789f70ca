//go:build interop

package interop

import (
	"fmt"
	"net/http"
	"os"
	"testing"
)

// TestTogether has people on GoToSocial and snac2 answer each other below our video.
func TestTogether(t *testing.T) {
	if os.Getenv("GOTOSOCIAL") == "" || os.Getenv("SNAC") == "" {
		t.Skip("GOTOSOCIAL and SNAC do not name both")
	}
	r := newRig(t, "together")
	gts, snac := startGoToSocial(t, r), startSnac(t, r)
	ada, ben := gts.people["ada"], snac.people["bea"]
	account := ada.account("@workshop@" + ours)
	ada.to(account, "follow")
	r.wait("follow", func() bool { return len(r.list("followers")) == 1 })
	object := r.publish("A bench vise")
	var post map[string]any
	r.wait("a new video arrives", func() bool { post = ada.home(object); return post != nil })
	said := ada.say(mention+"It slips at 0:05", post)
	r.wait("reply", func() bool { return has(r.list("comments"), "It slips") })

	there := ben.find("statuses", fmt.Sprint(said["uri"]))
	if there == nil {
		t.Fatal("the reply is not found on the other server")
	}
	ben.say("@ada@gts.test "+mention+"Mine holds", there)
	under := func(text, above string) bool {
		list := r.list("comments")
		return has(list, text) && has(list, above) && first(list, text)["parent"] == first(list, above)["id"]
	}
	r.wait("a third server's answer that names us stands under the reply", func() bool { return under("Mine holds", "It slips") })
	ben.say("@ada@gts.test Between us", there)
	r.wait("one that does not name us reaches who it answers", func() bool { return ada.heard(post, "Between us") })
	if has(r.list("comments"), "Between us") {
		t.Error("FAILS: it came by itself, so what follows shows nothing")
	}
	r.hour()
	r.wait("we find it after an hour", func() bool { return under("Between us", "It slips") })
	r.tubelet("reply", fmt.Sprint(first(r.list("comments"), "Mine holds")["id"]), "Good to *know*")
	r.wait("the creator's answer reaches who is answered", func() bool { return ben.notified("know") })
	r.wait("and our followers elsewhere", func() bool { return ada.heard(post, "know") })

	dora := ada.account("@dora@snac.test")
	ada.to(dora, "follow")
	r.wait("Ada follows Dora of another server", func() bool { follows, _ := ada.follows(dora); return follows })
	ada.to(account, "unfollow")
	r.wait("and us no longer", func() bool { return len(r.list("followers")) == 0 })
	r.tubelet("move-from", "@dora@snac.test")
	snac.move("dora", person)
	r.wait("Dora moves to us, and with her a follower on a third server", func() bool { return has(r.list("followers"), "@ada@") })
}

// notified reports whether a notification brings that text.
func (c *client) notified(text string) bool {
	list, _ := c.call(http.MethodGet, "/api/v1/notifications", nil).([]any)
	return contains(list, text)
}
