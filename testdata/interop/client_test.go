//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// client is a person on a server with the client API of Mastodon, which GoToSocial and snac2
// have as well.
type client struct {
	t     *testing.T
	base  string
	token string
}

// call makes a request and returns the answer's JSON.
func (c *client) call(method, path string, form url.Values) any {
	c.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	q, err := http.NewRequest(method, c.base+path, body)
	must(c.t, err)
	q.Header.Set("Authorization", "Bearer "+c.token)
	if form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultClient.Do(q)
	must(c.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(c.t, err)
	if answer.StatusCode/100 != 2 {
		c.t.Logf("%s %s answers %d %.300s", method, path, answer.StatusCode, text)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil && len(text) > 0 {
		c.t.Logf("%s %s cannot be read: %v in %.2000s", method, path, err, text)
	}
	return value
}

// find looks something up by handle or address, and returns the first hit of a kind.
func (c *client) find(kind, what string) map[string]any {
	c.t.Helper()
	answer, _ := c.call(http.MethodGet, "/api/v2/search?resolve=true&q="+url.QueryEscape(what), nil).(map[string]any)
	hits, _ := answer[kind].([]any)
	if len(hits) == 0 {
		return nil
	}
	return hits[0].(map[string]any)
}

// home returns a post on the home timeline; what Ada boosted, snac2 shows as a boost alone.
func (c *client) home(uri string) map[string]any {
	c.t.Helper()
	posts, _ := c.call(http.MethodGet, "/api/v1/timelines/home", nil).([]any)
	for _, post := range posts {
		post, _ := post.(map[string]any)
		if inner, boosted := post["reblog"].(map[string]any); boosted {
			post = inner
		}
		if post["uri"] == uri {
			return post
		}
	}
	return nil
}

// on does something to a post.
func (c *client) on(post map[string]any, deed string) {
	c.t.Helper()
	c.call(http.MethodPost, fmt.Sprintf("/api/v1/statuses/%s/%s", post["id"], deed), url.Values{})
}

// say writes a public post in answer to another.
func (c *client) say(text string, to map[string]any) map[string]any {
	c.t.Helper()
	said, _ := c.call(http.MethodPost, "/api/v1/statuses", url.Values{"status": {text}, "visibility": {"public"}, "in_reply_to_id": {fmt.Sprint(to["id"])}}).(map[string]any)
	return said
}

// heard reports whether an answer with that text stands under a post.
func (c *client) heard(post map[string]any, text string) bool {
	c.t.Helper()
	thread, _ := c.call(http.MethodGet, fmt.Sprintf("/api/v1/statuses/%s/context", post["id"]), nil).(map[string]any)
	return contains(thread["descendants"], text)
}

// contains reports whether a part of an answer holds a text.
func contains(answer any, text string) bool {
	all, _ := json.Marshal(answer)
	return strings.Contains(string(all), text)
}

// seen returns a post as it is shown now.
func (c *client) seen(uri string) string {
	c.t.Helper()
	now := c.home(uri)
	return fmt.Sprint(now["spoiler_text"], " ", now["content"])
}
