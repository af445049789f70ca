package pages

import (
	"net/url"
	"strconv"

	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
)

// Interact is the page that leads a visitor to their own server: first the question for
// their handle, then the link.
type Interact struct {
	Site    Site
	What    string      // follow, reply, like, boost
	Video   store.Video // what it is done with; none for follow
	Comment int64       // of the video; 0 for the video itself
	Author  string      // of the comment
	Object  string      // address of the comment
	Handle  string      // as typed
	Link    string      // where their server does it
	Problem string      // why there is no link, for the visitor
}

func (*Interact) page() string { return "interact" }

func (p *Interact) site() Site { return p.Site }

func (p *Interact) head(*prose.Writer) Head {
	return Head{Title: p.Heading() + " – " + p.Site.Name(), Hidden: true, Kind: "website", Scripts: []string{"interact.js"}}
}

// Heading says what the visitor wants to do.
func (p *Interact) Heading() string {
	switch p.What {
	case "reply":
		return "Reply from your own account"
	case "like":
		return "Like from your own account"
	case "boost":
		return "Boost from your own account"
	}
	return "Follow from your own account"
}

// Search is what the visitor can search for on their own server instead.
func (p *Interact) Search() string {
	switch {
	case p.What == "follow":
		return p.Site.Acct()
	case p.Object != "":
		return p.Object
	}
	return p.Site.Channel.WatchURL(p.Video)
}

// Back is the address of the page that the visitor came from.
func (p *Interact) Back() string {
	switch {
	case p.What == "follow":
		return "/"
	case p.Comment != 0:
		return "/w/" + p.Video.ID + "#comment-" + strconv.FormatInt(p.Comment, 10)
	}
	return "/w/" + p.Video.ID
}

// HomeForm is the form that asks for a visitor's handle.
type HomeForm struct {
	ID      string // of the field, once a page
	What    string
	Video   string
	Comment int64
	Handle  string
}

// Form returns the page's own form.
func (p *Interact) Form() HomeForm {
	return HomeForm{ID: "handle", What: p.What, Video: p.Video.ID, Comment: p.Comment, Handle: p.Handle}
}

// AskURL is the address of the page that asks for a visitor's handle.
func (t Thread) AskURL(what string) string { return askURL(what, t.Video.ID, 0) }

// AskURL is the address of the page that asks for a visitor's handle, to answer this comment.
func (n Node) AskURL(what string) string { return askURL(what, n.Comment.Video, n.Comment.ID) }

func askURL(what, video string, comment int64) string {
	q := url.Values{"what": {what}, "video": {video}}
	if comment != 0 {
		q.Set("comment", strconv.FormatInt(comment, 10))
	}
	return "/interact?" + q.Encode()
}
