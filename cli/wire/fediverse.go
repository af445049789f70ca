package wire

import (
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// Done says what was done with somebody or something.
type Done struct {
	Target string `json:"target"`
	Done   string `json:"done"`
}

// Imported says how many blocks a list held.
type Imported struct {
	Blocks int `json:"blocks"`
}

// Retried says how many deliveries are tried again.
type Retried struct {
	Queued int `json:"queued"`
}

// Follower is somebody who follows, or asks to.
type Follower struct {
	Acct    string     `json:"acct"` // @user@host
	Name    string     `json:"name"`
	URI     string     `json:"uri"`
	URL     string     `json:"url"`
	Target  string     `json:"target"` // person or group
	State   string     `json:"state"`  // follows or asks
	AskedAt *time.Time `json:"asked_at"`
}

// NewFollower returns f's shape.
func NewFollower(f social.Follower) Follower {
	state := "follows"
	if f.AcceptedAt.IsZero() {
		state = "asks"
	}
	return Follower{f.Acct, f.Name, f.URI, f.URL, string(f.Target), state, moment(f.AskedAt)}
}

// Block is whom the channel does not hear.
type Block struct {
	Target string     `json:"target"`
	Kind   string     `json:"kind"` // block or mute
	Note   string     `json:"note"`
	At     *time.Time `json:"at"`
}

// NewBlock returns b's shape.
func NewBlock(b social.Block) Block {
	kind := "block"
	if b.Mute {
		kind = "mute"
	}
	return Block{b.Target, kind, b.Note, moment(b.At)}
}

// Comment is what was said under a video.
type Comment struct {
	ID          int64      `json:"id"`
	Video       string     `json:"video"`
	Parent      int64      `json:"parent"` // 0 at top level
	Own         bool       `json:"own"`    // the creator's
	Name        string     `json:"name"`
	Acct        string     `json:"acct"`
	URI         string     `json:"uri"`
	URL         string     `json:"url"`
	State       string     `json:"state"` // shown, held, hidden
	HTML        string     `json:"html"`
	Text        string     `json:"text"`
	PublishedAt *time.Time `json:"published_at"`
	EditedAt    *time.Time `json:"edited_at"`
}

// NewComment returns c's shape; text is its words.
func NewComment(c social.Comment, text string) Comment {
	return Comment{
		ID: c.ID, Video: c.Video, Parent: c.Parent, Own: c.Actor == 0, Name: c.Name, Acct: c.Acct, URI: c.URI, URL: c.URL,
		State: string(c.State), HTML: c.HTML, Text: text, PublishedAt: moment(c.PublishedAt), EditedAt: moment(c.EditedAt),
	}
}

// Deed is what the creator liked or boosted.
type Deed struct {
	Kind    string     `json:"kind"` // like or boost
	Object  string     `json:"object"`
	URL     string     `json:"url"`
	Author  string     `json:"author"`
	Acct    string     `json:"acct"`
	Comment int64      `json:"comment"` // 0: elsewhere
	At      *time.Time `json:"at"`
	Undone  bool       `json:"undone"`
}

// NewDeed returns d's shape.
func NewDeed(d social.Deed, undone bool) Deed {
	return Deed{d.Kind, d.Object, d.URL, d.Author, d.Acct, d.Comment, moment(d.At), undone}
}

// Federation is how the federation fares.
type Federation struct {
	Schema         int      `json:"schema"`
	On             bool     `json:"on"`
	Address        string   `json:"address"`
	Followers      int      `json:"followers"`
	GroupFollowers int      `json:"group_followers"`
	Asking         int      `json:"asking"`
	Held           int      `json:"held"`
	Queued         int      `json:"queued"`
	Failing        int      `json:"failing"`
	Hosts          []Host   `json:"hosts"`
	Reports        []Report `json:"reports"`
}

// Host is a server that could not be reached lately.
type Host struct {
	Host   string     `json:"host"`
	State  string     `json:"state"` // failing or parked
	Since  *time.Time `json:"since"`
	Reason string     `json:"reason"`
	Queued int        `json:"queued"`
}

// NewHost returns h's shape.
func NewHost(h social.Host) Host {
	state := "failing"
	if h.Parked {
		state = "parked"
	}
	return Host{h.Name, state, moment(h.FailingAt), h.Reason, h.Queued}
}

// Report is a report by somebody elsewhere.
type Report struct {
	Actor  string     `json:"actor"`
	Object string     `json:"object"`
	Text   string     `json:"text"`
	At     *time.Time `json:"at"`
}

// NewReport returns r's shape.
func NewReport(r social.Report) Report { return Report{r.Actor, r.Object, r.Text, moment(r.At)} }

// Step is one thing that federation check tried.
type Step struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Error  string `json:"error"`
}
