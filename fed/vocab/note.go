package vocab

import (
	"html"
	"strconv"
	"time"
)

// Mention is whom a note answers.
type Mention struct{ ID, Acct string }

// Reply is what the creator wrote under a video.
type Reply struct {
	Number    int64
	Video     string // id of the video
	To        string // id of what it answers
	HTML      string // sanitised
	Published time.Time
	Edited    time.Time
	Mention   Mention
}

// Note returns an answer of the creator's, without a context. It starts with a mention where it
// answers a person, which is what makes their server tell them.
func (s Site) Note(r Reply) Object {
	id := s.Comment(r.Number)
	note := Object{
		"id": id, "type": "Note", "attributedTo": s.Person(), "inReplyTo": r.To, "context": s.Video(r.Video) + "/context",
		"content": r.HTML, "mediaType": "text/html", "published": moment(r.Published),
		"url": s.Channel.Base() + "/w/" + r.Video + "#comment-" + strconv.FormatInt(r.Number, 10), "tag": []any{},
		"to": []string{Public}, "cc": []string{Followers(s.Person())}, "replies": thread(Object{"id": id + "/replies", "type": "OrderedCollection"}),
		"interactionPolicy": s.policy(),
	}
	if r.Edited.After(r.Published) {
		note["updated"] = moment(r.Edited) // GoToSocial takes any for an edit
	}
	if r.Mention.ID != "" {
		note["cc"] = []string{Followers(s.Person()), r.Mention.ID}
		note["tag"] = []any{Object{"type": "Mention", "href": r.Mention.ID, "name": r.Mention.Acct}}
		note["content"] = `<p><a href="` + html.EscapeString(r.Mention.ID) + `" class="u-url mention">` + html.EscapeString(r.Mention.Acct) + "</a></p>" + r.HTML
	}
	return note
}

// CreateNote is a new answer of the creator's.
func (s Site) CreateNote(r Reply) Object {
	note := s.Note(r)
	create := s.activity("Create", s.Activity("create-comment", strconv.FormatInt(r.Number, 10)), s.Person(), note)
	create["to"], create["cc"], create["published"] = note["to"], note["cc"], note["published"]
	return InContext(create)
}

// DeleteNote is an answer of the creator's that is gone.
func (s Site) DeleteNote(number int64, at time.Time) Object {
	text := strconv.FormatInt(number, 10)
	tombstone := Object{"id": s.Comment(number), "type": "Tombstone", "formerType": "Note", "deleted": moment(at)}
	return InContext(toAll(s.activity("Delete", s.Activity("delete-comment", text), s.Person(), tombstone), s.Person()))
}

// ApproveReply says that an answer which had to wait is approved, FEP-5624: to is what it answers.
func (s Site) ApproveReply(number int64, answer, to, author string) Object {
	approve := s.activity("ApproveReply", s.Activity("approve-reply", strconv.FormatInt(number, 10)), s.Person(), answer)
	approve["inReplyTo"], approve["to"] = to, []string{author}
	return InContext(approve)
}

// policy says who may quote: everybody, or, as FEP-044f says that nobody else may, the creator alone.
func (s Site) policy() Object {
	who := Public
	if s.NoQuotes {
		who = s.Person()
	}
	return Object{"canQuote": Object{"automaticApproval": []string{who}}}
}

// QuoteAuthorization is the word that others look up before they show a quote, FEP-044f; quoted is
// the id of a video or comment.
func (s Site) QuoteAuthorization(number int64, quote, quoted string) Object {
	return InContext(Object{
		"id": s.Channel.Base() + "/quotes/" + strconv.FormatInt(number, 10), "type": "QuoteAuthorization",
		"attributedTo": s.Person(), "interactingObject": quote, "interactionTarget": quoted,
	})
}

// AcceptQuote answers a QuoteRequest.
func (s Site) AcceptQuote(number int64, request Object, asker string, at time.Time) Object {
	accept := s.activity("Accept", s.Activity("accept", Stamp(at)+"/quote"+strconv.FormatInt(number, 10)), s.Person(), quoteRequest(request, asker))
	accept["result"] = s.Channel.Base() + "/quotes/" + strconv.FormatInt(number, 10)
	accept["to"] = []string{asker}
	return InContext(accept)
}

// RejectQuote refuses one.
func (s Site) RejectQuote(request Object, asker string, at time.Time) Object {
	reject := s.activity("Reject", s.Activity("reject", Stamp(at)+"/quote/"+queryEscape(request.ID())), s.Person(), quoteRequest(request, asker))
	reject["to"] = []string{asker}
	return InContext(reject)
}

func quoteRequest(request Object, asker string) Object {
	return Object{"id": request.ID(), "type": "QuoteRequest", "actor": asker, "object": request.Ref("object"), "instrument": request.Ref("instrument")}
}

// InContext puts the context before an object that is no actor.
func InContext(o Object) Object { return withContext(videoTerms(), o) }

// Bare takes the context off an object that goes into another.
func Bare(o Object) Object {
	delete(o, "@context")
	return o
}
