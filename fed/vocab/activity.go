package vocab

import (
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store"
)

// activity is the frame of everything that we send.
func (s Site) activity(kind, id, actor string, object any) Object {
	return Object{"id": id, "type": kind, "actor": actor, "object": object}
}

// toAll addresses an activity to everybody and to the actor's followers.
func toAll(activity Object, actor string, more ...string) Object {
	activity["to"] = append([]string{Public}, more...)
	activity["cc"] = []string{Followers(actor)}
	return activity
}

// Stamp tells apart what can happen to one thing several times.
func Stamp(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

// Create is a new video, by the person. The object is inside: PeerTube takes no other form.
func (s Site) Create(v store.Video, f Facts) Object {
	create := s.activity("Create", s.Activity("create", v.ID), s.Person(), s.VideoObject(v, f))
	create["published"] = moment(v.PublishedAt)
	return withContext(videoTerms(), toAll(create, s.Person(), s.Group()))
}

// Announce is the group's word for a new video.
func (s Site) Announce(v store.Video) Object {
	announce := s.activity("Announce", s.Activity("announce", v.ID), s.Group(), s.Video(v.ID))
	announce["published"] = moment(v.PublishedAt)
	return withContext(videoTerms(), toAll(announce, s.Group()))
}

// Update is an edited video. An edit that moves "updated" is shown as one.
func (s Site) Update(v store.Video, f Facts, at time.Time) Object {
	update := s.activity("Update", s.Activity("update", v.ID+"/"+Stamp(at)), s.Person(), s.VideoObject(v, f))
	return withContext(videoTerms(), toAll(update, s.Person(), s.Group()))
}

// Pin has a video shown first on the person's profile, or no longer, as Mastodon says it: added to
// the collection "featured" (its app/serializers/activitypub/add_serializer.rb).
func (s Site) Pin(id string, pinned bool, at time.Time) Object {
	pin := s.activity("Remove", s.Activity("unpin", id+"/"+Stamp(at)), s.Person(), s.Video(id))
	if pinned {
		pin = s.activity("Add", s.Activity("pin", id+"/"+Stamp(at)), s.Person(), s.Video(id))
	}
	pin["target"] = Featured(s.Person())
	return withContext(videoTerms(), toAll(pin, s.Person()))
}

// UpdateActor is an edited channel; actor is one of its two.
func (s Site) UpdateActor(actor string, at time.Time) Object {
	name := actor[strings.LastIndexByte(actor, '/')+1:]
	update := s.activity("Update", s.Activity("update", name+"/"+Stamp(at)), actor, s.Actors()[name])
	return withContext(actorTerms(), toAll(update, actor))
}

// Tombstone stands where a video or a comment was.
func Tombstone(id, former string, at time.Time) Object {
	return withContext(videoTerms(), Object{"id": id, "type": "Tombstone", "formerType": former, "deleted": moment(at)})
}

// Delete is a video that is gone. The person signs it: the group's word does not count.
func (s Site) Delete(id string, at time.Time) Object {
	tombstone := Object{"id": s.Video(id), "type": "Tombstone", "formerType": "Video", "deleted": moment(at)}
	return withContext(videoTerms(), toAll(s.activity("Delete", s.Activity("delete", id), s.Person(), tombstone), s.Person(), s.Group()))
}

// DeleteActor is the end of the channel.
func (s Site) DeleteActor(actor string) Object {
	name := actor[strings.LastIndexByte(actor, '/')+1:]
	return withContext(videoTerms(), toAll(s.activity("Delete", s.Activity("delete", name), actor, actor), actor))
}

// Move tells followers to follow another actor.
func (s Site) Move(actor, target string, at time.Time) Object {
	name := actor[strings.LastIndexByte(actor, '/')+1:]
	move := s.activity("Move", s.Activity("move", name+"/"+Stamp(at)), actor, actor)
	move["target"] = target
	return withContext(actorTerms(), toAll(move, actor))
}

// Answer accepts or rejects a Follow. Some servers want the Follow back as it was, so
// it comes with its own id, actor and object.
func (s Site) Answer(kind, actor, follow, follower string, at time.Time) Object {
	request := Object{"id": follow, "type": "Follow", "actor": follower, "object": actor}
	if follow == "" {
		delete(request, "id")
	}
	answer := s.activity(kind, s.Activity(strings.ToLower(kind), Stamp(at)+"/"+queryEscape(follower)), actor, request)
	answer["to"] = []string{follower}
	return withContext(videoTerms(), answer)
}
