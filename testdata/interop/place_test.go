//go:build interop

package interop

import (
	"fmt"
	"net/http"
	"net/url"
)

// place is a server with Mastodon's client API, with some people on it.
type place struct {
	host   string
	people map[string]*client
	alias  func(name, actor string) // has a person name another actor as an alias
	move   func(name, actor string) // has a person move to another actor
	lacks  map[string]string        // what it does not do, and why
	page   string                   // of Ada's, where others read her
	seldom bool                     // it lets nobody move who had to do with a move in the last seven days
}

// expect waits for something to hold, unless that server does not do it.
func (p *place) expect(r *rig, what string, holds func() bool) bool {
	r.t.Helper()
	if why := p.lacks[what]; why != "" {
		r.t.Logf("not there: %s: %s", what, why)
		return false
	}
	return r.wait(what, holds)
}

// persons are who is on each server: Ada does what there is to do, the others move.
func persons() []string { return []string{"ada", "bea", "carl", "dora"} }

func (p *place) acct(name string) string { return "@" + name + "@" + p.host }

// account finds somebody and returns the beginning of the addresses for what is done to them.
func (c *client) account(acct string) string {
	c.t.Helper()
	who := c.find("accounts", acct)
	if who == nil {
		c.t.Fatalf("FAILS: %s is not found", acct)
	}
	return fmt.Sprintf("/api/v1/accounts/%s/", who["id"])
}

// to does something to an account.
func (c *client) to(account, deed string) { c.call(http.MethodPost, account+deed, url.Values{}) }

// welcome lets everybody follow who asks a person.
func (c *client) welcome() {
	list, _ := c.call(http.MethodGet, "/api/v1/follow_requests", nil).([]any)
	for _, one := range list {
		c.call(http.MethodPost, fmt.Sprintf("/api/v1/follow_requests/%s/authorize", one.(map[string]any)["id"]), url.Values{})
	}
}

// follows reports whether a person follows an account, or has asked for it.
func (c *client) follows(account string) (follows, asks bool) {
	id := part(account[:len(account)-1])
	list, _ := c.call(http.MethodGet, "/api/v1/accounts/relationships?id[]="+id, nil).([]any)
	if len(list) != 1 {
		return false, false
	}
	relationship, _ := list[0].(map[string]any)
	follows, _ = relationship["following"].(bool)
	asks, _ = relationship["requested"].(bool)
	return follows, asks
}
