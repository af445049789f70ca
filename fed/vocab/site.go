package vocab

import (
	"strconv"
	"time"

	"github.com/tubelet/tubelet/store"
)

// Site is what everything of ours hangs on: the channel, and how its texts become HTML.
// Every address that it makes is permanent, since others keep it.
type Site struct {
	Channel   store.Channel
	PublicPEM string                       // the actors' public key
	HTML      func(markdown string) string // of descriptions; sanitised
	Approve   bool                         // whether followers are approved by hand
	NoQuotes  bool                         // whether others may not quote
	Moved     string                       // actor that the channel moved to
	Aliases   []string                     // actors that may move to the channel
}

// moment writes a time as ActivityStreams does (RFC 3339, whole seconds).
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Person returns the id of the actor that people follow, and that authors everything.
func (s Site) Person() string { return s.Channel.Base() + "/users/" + s.Channel.Handle }

// GroupName is the user name of the actor that PeerTube and Lemmy follow: they follow
// groups only.
func (s Site) GroupName() string { return s.Channel.Handle + "_channel" }

// Group returns the id of that actor. It announces what the person publishes.
func (s Site) Group() string { return s.Channel.Base() + "/users/" + s.GroupName() }

// KeyID returns the address of an actor's public key.
func KeyID(actor string) string { return actor + "#main-key" }

// Inbox returns the address of an actor's own inbox.
func Inbox(actor string) string { return actor + "/inbox" }

// SharedInbox returns the address that takes what is meant for either actor.
func (s Site) SharedInbox() string { return s.Channel.Base() + "/inbox" }

// Followers returns the id of the collection of an actor's followers.
func Followers(actor string) string { return actor + "/followers" }

// Featured returns the id of the collection of what an actor shows first.
func Featured(actor string) string { return actor + "/featured" }

// Video returns the id of a video's object.
func (s Site) Video(id string) string { return s.Channel.Base() + "/videos/" + id }

// Comment returns the id of an answer that the creator wrote.
func (s Site) Comment(number int64) string {
	return s.Channel.Base() + "/comments/" + strconv.FormatInt(number, 10)
}

// Activity returns the id of an activity of ours: what was done, with what, and, for what
// can be done several times, when.
func (s Site) Activity(verb, subject string) string {
	return s.Channel.Base() + "/activities/" + verb + "/" + subject
}
