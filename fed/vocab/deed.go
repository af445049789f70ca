package vocab

import "time"

// Deed is what the creator did with something of somebody else's.
type Deed struct {
	ID     string // in the ids of its activities
	Object string // id of what was liked or boosted
	Author string // id of whose it is
	At     time.Time
}

// Like tells an author that the creator likes something. It is for nobody else, as Mastodon has it.
func (s Site) Like(d Deed) Object {
	like := s.activity("Like", s.Activity("like", d.ID), s.Person(), d.Object)
	like["to"] = []string{d.Author}
	return InContext(like)
}

// Boost passes something on to the creator's followers.
func (s Site) Boost(d Deed) Object {
	announce := s.activity("Announce", s.Activity("boost", d.ID), s.Person(), d.Object)
	announce["published"] = moment(d.At)
	announce["to"], announce["cc"] = []string{Public}, []string{Followers(s.Person()), d.Author}
	return InContext(announce)
}

// Undo takes a like or a boost back. What is undone is inside, since PeerTube and others look for
// it by what it is, not by its id.
func (s Site) Undo(d Deed, done Object) Object {
	undo := s.activity("Undo", s.Activity("undo", d.ID), s.Person(), Bare(done))
	undo["to"] = done["to"]
	if cc, there := done["cc"]; there {
		undo["cc"] = cc
	}
	return InContext(undo)
}
