package vocab

import (
	"html"
	"mime"
	"path"
	"unicode/utf8"
)

// Actors returns both actors by user name.
func (s Site) Actors() map[string]Object {
	return map[string]Object{s.Channel.Handle: s.person(), s.GroupName(): s.group()}
}

// person is the actor that authors: followed from Mastodon and its like.
func (s Site) person() Object {
	person := s.actor(s.Person(), "Person", s.Channel.Handle)
	person["attachment"] = s.profile()
	person["alsoKnownAs"] = s.Aliases
	if s.Aliases == nil {
		person["alsoKnownAs"] = []string{}
	}
	if s.Moved != "" {
		person["movedTo"] = s.Moved
	}
	return withContext(actorTerms(), person)
}

// group is the actor that announces: followed from PeerTube and Lemmy. It looks like the
// person, so that who meets both takes them for one.
func (s Site) group() Object {
	group := s.actor(s.Group(), "Group", s.GroupName())
	group["attributedTo"] = []any{Object{"type": "Person", "id": s.Person()}}
	group["support"] = nil
	return withContext(actorTerms(), group)
}

func (s Site) actor(id, kind, name string) Object {
	base := s.Channel.Base()
	actor := Object{
		"id": id, "type": kind, "preferredUsername": name, "name": s.Channel.Name,
		"url":       base + "/",
		"inbox":     Inbox(id),
		"outbox":    id + "/outbox",
		"followers": Followers(id),
		"following": id + "/following",
		"featured":  Featured(id),
		"endpoints": Object{"sharedInbox": s.SharedInbox()},
		"publicKey": Object{"id": KeyID(id), "owner": id, "publicKeyPem": s.PublicPEM},

		"published":                 moment(s.Channel.CreatedAt),
		"manuallyApprovesFollowers": s.Approve,
		"discoverable":              true,
		"indexable":                 true, // FEP-5feb
		"attributionDomains":        []string{s.Channel.Domain},
		"webfinger":                 name + "@" + s.Channel.Domain, // FEP-2c59
	}
	// PeerTube refuses an actor whose summary is shorter than three letters.
	if summary := s.HTML(s.Channel.Description); utf8.RuneCountInString(summary) >= 3 {
		actor["summary"] = summary
	}
	if s.Channel.Avatar != "" {
		actor["icon"] = s.image(s.Channel.Avatar, s.Channel.Name)
	}
	if s.Channel.Banner != "" {
		actor["image"] = s.image(s.Channel.Banner, "")
	}
	return actor
}

func (s Site) image(file, alt string) Object {
	image := Object{"type": "Image", "url": s.Channel.Base() + "/channel/" + file, "mediaType": mime.TypeByExtension(path.Ext(file))}
	if alt != "" {
		image["name"] = alt
	}
	return image
}

// profile is the creator's own links as rows of a table, the way Mastodon shows them. The
// first leads here: it is what lets a Mastodon verify the channel.
func (s Site) profile() []any {
	rows := []any{propertyValue("Channel", s.Channel.Base()+"/")}
	for _, link := range s.Channel.Links {
		rows = append(rows, propertyValue(link.Label, link.URL))
	}
	return rows
}

func propertyValue(label, address string) Object {
	escaped := html.EscapeString(address)
	return Object{"type": "PropertyValue", "name": label, "value": `<a href="` + escaped + `" rel="me nofollow noopener">` + escaped + "</a>"}
}
