package pages

import (
	"net/url"
	"time"

	"github.com/tubelet/tubelet/store"
)

// Node is a comment with its answers.
type Node struct {
	Comment store.Comment
	Length  time.Duration // of the video: positions up to it become links
	Replies []Node

	Answerable bool // from other servers
}

// maxDepth is how deep answers are indented. On a telephone a fourth level would
// leave no room for words; deeper answers stand at the last level, in order.
const maxDepth = 3

// Top returns the comments as a tree. An answer to a comment that is not here
// stands at the top.
func (t Thread) Top() []Node {
	here := make(map[int64]bool, len(t.Comments))
	children := make(map[int64][]store.Comment, len(t.Comments))
	for _, c := range t.Comments {
		here[c.ID] = true
	}
	for _, c := range t.Comments {
		parent := c.Parent
		if !here[parent] || parent == c.ID {
			parent = 0
		}
		children[parent] = append(children[parent], c)
	}
	return t.nodes(children, children[0], 1)
}

func (t Thread) nodes(children map[int64][]store.Comment, list []store.Comment, depth int) []Node {
	var out []Node
	for _, c := range list {
		n := Node{Comment: c, Length: t.Video.Media.Duration, Answerable: t.Open()}
		replies := t.nodes(children, children[c.ID], depth+1)
		if depth < maxDepth {
			n.Replies = replies
			out = append(out, n)
			continue
		}
		out = append(append(out, n), replies...)
	}
	return out
}

// Open says whether people can answer from their own servers.
func (t Thread) Open() bool { return t.Social && t.Key == "" && t.Video.Listed() && !t.Closed() }

// Closed says whether nobody may comment.
func (t Thread) Closed() bool { return t.Policy == "closed" }

// Cut says whether there are more answers than the page shows.
func (t Thread) Cut() bool {
	answers := 0
	for _, c := range t.Comments {
		if c.Parent != 0 {
			answers++
		}
	}
	return answers >= store.MaxAnswers
}

// Rule says what holds for comments, where that is worth saying.
func (t Thread) Rule() string {
	switch {
	case t.Closed():
		return "Comments are closed."
	case t.Open() && t.Policy == "approve":
		return "Comments appear once the creator has looked at them."
	}
	return ""
}

// WatchURL is the address of the video's page.
func (t Thread) WatchURL() string { return "/w/" + address(t.Video.ID, t.Key) }

// PageURL returns the address of page n of the comments; the first is on the watch
// page.
func (t Thread) PageURL(n int) string {
	if n <= 1 {
		return t.WatchURL() + "#comments"
	}
	return pageURL(t.WatchURL()+"/comments", url.Values{}, n)
}

// Pager returns the links between pages.
func (t Thread) Pager() Pager { return newPager(t.Paging, t.PageURL) }
