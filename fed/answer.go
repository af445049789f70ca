package fed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// Reply publishes an answer of the creator's to a comment, or, with parent 0, to the video.
func (f *Fed) Reply(ctx context.Context, video string, parent int64, markdown string) (social.Comment, error) {
	site, err := f.Site(ctx)
	if err != nil {
		return social.Comment{}, err
	}
	v, err := f.cfg.Store.Video(ctx, video)
	if err != nil {
		return social.Comment{}, err
	}
	if !v.Listed() { // the answer would tell followers where it is
		return social.Comment{}, store.Errorf(store.ErrInvalid, "video %s is not public, and an answer would be", video)
	}
	c := social.Comment{
		Video: video, Parent: parent, Name: site.Channel.Name, Acct: "@" + site.Channel.Handle + "@" + site.Channel.Domain,
		ProfileURL: site.Channel.Base() + "/", HTML: f.cfg.Prose(markdown), State: social.Shown, PublishedAt: time.Now(),
	}
	if site.Channel.Avatar != "" {
		c.Avatar = "/channel/" + site.Channel.Avatar
	}
	err = f.social.Together(ctx, true, func(s *social.Store) error {
		if c.ID, _, err = s.AddComment(ctx, c); err != nil {
			return err
		}
		c.URI = site.Comment(c.ID)
		c.URL = fmt.Sprintf("%s/w/%s#comment-%d", site.Channel.Base(), video, c.ID)
		if err := s.SetCommentURI(ctx, c.ID, c.URI, c.URL); err != nil {
			return err
		}
		return f.sayReply(ctx, s, site, c)
	})
	return c, err
}

// sayReply puts the news of an answer on its way: to followers, and to whoever is answered.
func (f *Fed) sayReply(ctx context.Context, s *social.Store, site vocab.Site, c social.Comment) error {
	reply := vocab.Reply{Number: c.ID, Video: c.Video, To: site.Video(c.Video), HTML: c.HTML, Published: c.PublishedAt}
	var inboxes []social.Recipient
	if c.Parent != 0 {
		parent, err := s.Comment(ctx, c.Parent)
		if err != nil {
			return err
		}
		if parent.Video != c.Video {
			return fmt.Errorf("comment %d is under another video: %w", c.Parent, store.ErrInvalid)
		}
		reply.To = parent.URI
		if parent.ActorURI != "" {
			actor, err := s.Actor(ctx, parent.ActorURI)
			if err != nil {
				return err
			}
			reply.Mention = vocab.Mention{ID: actor.URI, Acct: actor.Acct}
			inboxes = []social.Recipient{{Inbox: actor.SharedInbox, Host: actor.Host}}
		}
	}
	return say(ctx, s, site.CreateNote(reply), social.Outgoing{By: social.Person, Followers: []social.Target{social.Person}, Inboxes: inboxes})
}

// ApproveComment shows a comment that waits, and tells its author's server, FEP-5624: PeerTube
// shows it to its own people from then on.
func (f *Fed) ApproveComment(ctx context.Context, number int64) error {
	site, err := f.Site(ctx)
	if err != nil {
		return err
	}
	return f.social.Together(ctx, true, func(s *social.Store) error {
		c, err := s.Comment(ctx, number)
		if err != nil {
			return err
		}
		if err := s.SetCommentState(ctx, number, social.Shown); err != nil || c.State != social.Held || c.ActorURI == "" {
			return err
		}
		to := site.Video(c.Video)
		if c.Parent != 0 {
			parent, err := s.Comment(ctx, c.Parent)
			if err != nil {
				return err
			}
			to = parent.URI
		}
		actor, err := s.Actor(ctx, c.ActorURI)
		if err != nil {
			return err
		}
		return say(ctx, s, site.ApproveReply(number, c.URI, to, actor.URI), social.Outgoing{By: social.Person, Inboxes: []social.Recipient{{Inbox: actor.Inbox, Host: actor.Host}}})
	})
}

// DeleteReply takes an answer of the creator's back, here and elsewhere.
func (f *Fed) DeleteReply(ctx context.Context, number int64) error {
	site, err := f.Site(ctx)
	if err != nil {
		return err
	}
	return f.social.Together(ctx, true, func(s *social.Store) error {
		c, err := s.Comment(ctx, number)
		if err != nil {
			return err
		}
		var inboxes []social.Recipient
		if c.Parent != 0 {
			if parent, err := s.Comment(ctx, c.Parent); err == nil && parent.ActorURI != "" {
				if actor, err := s.Actor(ctx, parent.ActorURI); err == nil {
					inboxes = []social.Recipient{{Inbox: actor.SharedInbox, Host: actor.Host}}
				}
			}
		}
		if err := s.DeleteComment(ctx, c.URI, ""); err != nil {
			return err
		}
		return say(ctx, s, site.DeleteNote(number, time.Now()), social.Outgoing{By: social.Person, Followers: []social.Target{social.Person}, Inboxes: inboxes})
	})
}

// say puts an activity on its way as out says.
func say(ctx context.Context, s *social.Store, activity vocab.Object, out social.Outgoing) (err error) {
	out.URI = activity.ID()
	if out.Body, err = json.Marshal(activity); err != nil {
		return fmt.Errorf("write an activity: %w", err)
	}
	return s.Send(ctx, out, time.Now())
}
