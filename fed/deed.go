package fed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// Kinds of deeds.
const (
	Like  = "like"
	Boost = "boost"
)

// ErrElsewhere means that another server is to blame.
var ErrElsewhere = errors.New("the other server")

// DoTo likes or boosts a comment, by its number.
func (f *Fed) DoTo(ctx context.Context, kind string, number int64) (social.Deed, error) {
	c, err := f.comment(ctx, number)
	if err != nil {
		return social.Deed{}, err
	}
	video, err := f.cfg.Store.Video(ctx, c.Video)
	if err != nil {
		return social.Deed{}, err
	}
	switch {
	case c.Actor == 0:
		return social.Deed{}, store.Errorf(store.ErrInvalid, "comment %d is your own", number)
	case c.State != social.Shown:
		return social.Deed{}, store.Errorf(store.ErrExists, "comment %d is %s; show it first", number, c.State)
	case !video.Listed():
		return social.Deed{}, store.Errorf(store.ErrInvalid, "video %s is not public, and others would hear of it", video.ID)
	case c.URI == "":
		return social.Deed{}, store.Errorf(store.ErrInvalid, "comment %d is nowhere else", number)
	}
	author, err := f.social.Actor(ctx, c.ActorURI)
	if err != nil {
		return social.Deed{}, err
	}
	return f.do(ctx, social.Deed{Kind: kind, Object: c.URI, URL: c.URL, Comment: c.ID}, author)
}

// comment returns a comment that was not removed.
func (f *Fed) comment(ctx context.Context, number int64) (social.Comment, error) {
	c, err := f.social.Comment(ctx, number)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.HTML == "" {
		err = store.Errorf(store.ErrNotFound, "there is no comment %d", number)
	}
	return c, err
}

// DoAt likes or boosts a note or video elsewhere, by the address of its object or of its page. What
// turns out to be a comment here is that comment.
func (f *Fed) DoAt(ctx context.Context, kind, address string) (social.Deed, error) {
	site, err := f.Site(ctx)
	if err != nil {
		return social.Deed{}, err
	}
	if remote.SameHost(address, site.Person()) {
		return social.Deed{}, store.Errorf(store.ErrInvalid, "%s is your own; name a comment by its number", address)
	}
	if _, err := f.remote.Check(address); err != nil {
		return social.Deed{}, store.Errorf(store.ErrInvalid, "%s is no address of a public server: %w", address, err)
	}
	if d, err := f.social.DeedTo(ctx, kind, address); err == nil {
		return d, again(d)
	}
	object, err := f.remote.Object(ctx, address, f.key(site.Person()))
	if err != nil {
		return social.Deed{}, fmt.Errorf("%w: %w", ErrElsewhere, err)
	}
	if c, err := f.social.CommentByURI(ctx, object.ID()); err == nil {
		return f.DoTo(ctx, kind, c.ID)
	}
	switch {
	case !object.Is("Note", "Video"):
		return social.Deed{}, store.Errorf(store.ErrInvalid, "%s is a %s; only notes and videos can be liked and boosted", address, vocab.Clean(object.Type(), 30))
	case !object.IsPublic():
		return social.Deed{}, store.Errorf(store.ErrInvalid, "%s is not for everybody", address)
	case !remote.SameHost(object.Ref("attributedTo"), object.ID()):
		return social.Deed{}, fmt.Errorf("%w: %s is not its author's", ErrElsewhere, address)
	}
	author, err := f.people.Actor(ctx, object.Ref("attributedTo"))
	if err != nil {
		return social.Deed{}, fmt.Errorf("%w: %w", ErrElsewhere, err)
	}
	return f.do(ctx, social.Deed{Kind: kind, Object: object.ID(), URL: page(object, address)}, author)
}

// page returns where people read an object: what it says, or what the creator named.
func page(object vocab.Object, address string) string {
	if u := object.Ref("url"); remote.SameHost(u, object.ID()) && len(u) < 2000 {
		return u
	}
	return address
}

func again(d social.Deed) error {
	return store.Errorf(store.ErrExists, "%s has your %s since %s", d.Object, d.Kind, d.At.Local().Format(time.DateOnly))
}

// do remembers a deed and puts the news of it on its way: a like goes to the author, a boost to
// followers too.
func (f *Fed) do(ctx context.Context, d social.Deed, author social.Actor) (social.Deed, error) {
	if err := f.mayTell(ctx, author, d.Kind); err != nil {
		return d, err
	}
	d.ID, d.At = store.NewID(), time.Now()
	d.Author, d.Acct, d.Host, d.Inbox = author.URI, author.Acct, author.Host, author.Inbox
	if d.Kind == Boost { // the same delivery serves followers there
		d.Inbox = author.SharedInbox
	}
	site, err := f.Site(ctx)
	if err != nil {
		return d, err
	}
	err = f.social.Together(ctx, true, func(s *social.Store) error {
		fresh, err := s.AddDeed(ctx, d)
		if err != nil {
			return err
		}
		if !fresh {
			if d, err = s.DeedTo(ctx, d.Kind, d.Object); err == nil {
				err = again(d)
			}
			return err
		}
		return say(ctx, s, activity(site, d), toWhom(d))
	})
	return d, err
}

// mayTell reports why an author is not to be told, or cannot be.
func (f *Fed) mayTell(ctx context.Context, author social.Actor, kind string) error {
	block, err := f.social.Blocked(ctx, author.Acct, author.Host)
	if err == nil && !block.Mute {
		return store.Errorf(store.ErrExists, "%s is blocked here, so nothing is sent there; tubelet unblock %s ends that", author.Acct, block.Target)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	standing, err := f.social.Standing(ctx)
	if err == nil && !standing.Retired.IsZero() {
		err = store.Errorf(store.ErrExists, "the channel is retired: nobody hears it any more")
	}
	if err == nil && kind == Like { // which nobody else hears of
		if _, err = f.notParked(ctx, author.Host); err != nil {
			err = fmt.Errorf("%w %s: %w", ErrElsewhere, author.Host, err)
		}
	}
	return err
}

// TakeBack undoes a deed of a kind to a comment, or, with number 0, to what is at an address.
func (f *Fed) TakeBack(ctx context.Context, kind string, number int64, address string) (social.Deed, error) {
	site, err := f.Site(ctx)
	if err != nil {
		return social.Deed{}, err
	}
	if number != 0 {
		c, err := f.comment(ctx, number)
		if err != nil {
			return social.Deed{}, err
		}
		address = c.URI
	}
	d, err := f.social.DeedTo(ctx, kind, address)
	if errors.Is(err, store.ErrNotFound) {
		return d, store.Errorf(store.ErrNotFound, "there is no %s of yours to take back", kind)
	}
	if err != nil {
		return d, err
	}
	return d, f.social.Together(ctx, true, func(s *social.Store) error {
		if err := s.RemoveDeed(ctx, d.ID); err != nil {
			return err
		}
		return say(ctx, s, site.Undo(deed(d), activity(site, d)), toWhom(d))
	})
}

func deed(d social.Deed) vocab.Deed {
	return vocab.Deed{ID: d.ID, Object: d.Object, Author: d.Author, At: d.At}
}

// activity is what says a deed.
func activity(site vocab.Site, d social.Deed) vocab.Object {
	if d.Kind == Boost {
		return site.Boost(deed(d))
	}
	return site.Like(deed(d))
}

func toWhom(d social.Deed) social.Outgoing {
	out := social.Outgoing{By: social.Person, Inboxes: []social.Recipient{{Inbox: d.Inbox, Host: d.Host}}}
	if d.Kind == Boost {
		out.Followers = []social.Target{social.Person}
	}
	return out
}
