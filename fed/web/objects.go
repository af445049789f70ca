package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// target tells which of our actors a request names.
func target(site vocab.Site, r *http.Request) (social.Target, string, error) {
	switch r.PathValue("name") {
	case site.Channel.Handle:
		return social.Person, site.Person(), nil
	case site.GroupName():
		return social.Group, site.Group(), nil
	}
	return "", "", store.ErrNotFound
}

func (w *Web) actor(_ context.Context, site vocab.Site, r *http.Request) (Document, error) {
	actor, ok := site.Actors()[r.PathValue("name")]
	if !ok {
		return Document{}, store.ErrNotFound
	}
	return object(actor)
}

// outbox is the back catalogue: the person's Creates with the videos in them and what the creator
// boosts, the group's Announces.
func (w *Web) outbox(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	which, id, err := target(site, r)
	if err != nil {
		return Document{}, err
	}
	if which == social.Person {
		return w.personOutbox(ctx, site, r, id)
	}
	_, total, err := w.cfg.Store.Videos(ctx, store.List{Limit: 1})
	if err != nil {
		return Document{}, err
	}
	return list(r, id+"/outbox", int64(total), func(offset, limit int) ([]any, error) {
		videos, _, err := w.cfg.Store.Videos(ctx, store.List{Offset: offset, Limit: limit})
		return anys(videos, func(v store.Video) any { return vocab.Bare(site.Announce(v)) }), err
	})
}

func (w *Web) personOutbox(ctx context.Context, site vocab.Site, r *http.Request, id string) (Document, error) {
	_, total, err := w.cfg.Store.Said(ctx, 0, 1)
	if err != nil {
		return Document{}, err
	}
	return list(r, id+"/outbox", int64(total), func(offset, limit int) ([]any, error) {
		all, _, err := w.cfg.Store.Said(ctx, offset, limit)
		if err != nil {
			return nil, err
		}
		items := make([]any, 0, len(all))
		for _, said := range all {
			item, err := w.said(ctx, site, said)
			if err != nil {
				return nil, err
			}
			items = append(items, vocab.Bare(item))
		}
		return items, nil
	})
}

// said is what the person said: a video that came out, or a boost.
func (w *Web) said(ctx context.Context, site vocab.Site, said store.Said) (vocab.Object, error) {
	if said.Boost != "" {
		return w.boosted(ctx, site, said.Boost)
	}
	facts, err := w.cfg.Facts(ctx, said.Video)
	return site.Create(said.Video, facts), err
}

func (w *Web) boosted(ctx context.Context, site vocab.Site, id string) (vocab.Object, error) {
	d, err := w.social.Deed(ctx, id)
	if err == nil && d.Kind != "boost" { // whom the creator likes is told to the author only
		err = store.ErrNotFound
	}
	return site.Boost(vocab.Deed{ID: d.ID, Object: d.Object, Author: d.Author, At: d.At}), err
}

func (w *Web) boost(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	announce, err := w.boosted(ctx, site, r.PathValue("boost"))
	if err != nil {
		return Document{}, err
	}
	return object(announce)
}

func (w *Web) create(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	video, err := w.listed(ctx, site, r.PathValue("id"))
	if err != nil {
		return Document{}, err
	}
	facts, err := w.cfg.Facts(ctx, video)
	if err != nil {
		return Document{}, err
	}
	return object(site.Create(video, facts))
}

func (w *Web) announce(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	video, err := w.listed(ctx, site, r.PathValue("id"))
	if err != nil {
		return Document{}, err
	}
	return object(site.Announce(video))
}

// followers tells how many there are, and who only if the creator wants that.
func (w *Web) followers(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	which, id, err := target(site, r)
	if err != nil {
		return Document{}, err
	}
	_, total, err := w.social.Followers(ctx, which, 0, 1)
	if err != nil {
		return Document{}, err
	}
	open, err := w.cfg.Store.Setting(ctx, "federation.lists")
	if err != nil {
		return Document{}, err
	}
	if open != "on" {
		return list(r, vocab.Followers(id), int64(total), nil)
	}
	return list(r, vocab.Followers(id), int64(total), func(offset, limit int) ([]any, error) {
		ids, err := w.social.FollowerIDs(ctx, which, offset, limit)
		return anys(ids, func(id string) any { return id }), err
	})
}

// following is empty, and says so: the channel follows nobody.
func (w *Web) following(_ context.Context, site vocab.Site, r *http.Request) (Document, error) {
	_, id, err := target(site, r)
	if err != nil {
		return Document{}, err
	}
	return list(r, id+"/following", 0, func(int, int) ([]any, error) { return nil, nil })
}

// featured is what a profile shows first: ids only, which is all that Mastodon reads. While the
// creator has pinned nothing it is the latest, for those whose server shows nothing from before
// they followed.
func (w *Web) featured(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	_, id, err := target(site, r)
	if err != nil {
		return Document{}, err
	}
	videos, err := w.cfg.Store.Pinned(ctx)
	if err == nil && len(videos) == 0 {
		videos, _, err = w.cfg.Store.Videos(ctx, store.List{Limit: featuredVideos})
	}
	if err != nil {
		return Document{}, err
	}
	return object(vocab.Whole(vocab.Featured(id), anys(videos, func(v store.Video) any { return site.Video(v.ID) })))
}

// featuredVideos is how many videos are shown first where none is pinned.
const featuredVideos = 3

func (w *Web) video(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	video, err := w.listed(ctx, site, r.PathValue("id"))
	if err != nil {
		return Document{}, err
	}
	facts, err := w.cfg.Facts(ctx, video)
	if err != nil {
		return Document{}, err
	}
	return object(site.FullVideo(video, facts))
}

func (w *Web) chapters(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	video, err := w.listed(ctx, site, r.PathValue("id"))
	if err != nil {
		return Document{}, err
	}
	return object(site.Chapters(video))
}

// collection is what was done and said about a video. Who likes or dislikes is told to
// nobody; boosts and comments are public posts elsewhere already.
func (w *Web) collection(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	video, err := w.listed(ctx, site, r.PathValue("id"))
	if err != nil {
		return Document{}, err
	}
	counts, err := w.social.Counts(ctx, video.ID)
	if err != nil {
		return Document{}, err
	}
	name := r.PathValue("collection")
	id := site.Video(video.ID) + "/" + name
	switch name {
	case "likes":
		return list(r, id, counts.Likes, nil)
	case "dislikes":
		return list(r, id, counts.Dislikes, nil)
	case "shares":
		return list(r, id, counts.Boosts, func(offset, limit int) ([]any, error) {
			boosts, err := w.social.Reactions(ctx, video.ID, "boost", offset, limit)
			return anys(boosts, func(b social.Reaction) any { return b.Activity }), err
		})
	case "replies":
		return list(r, id, counts.Comments, func(offset, limit int) ([]any, error) {
			ids, err := w.social.Replies(ctx, video.ID, 0, offset, limit)
			return anys(ids, func(id string) any { return id }), err
		})
	case "comments", "context":
		return list(r, id, counts.Comments, func(offset, limit int) ([]any, error) {
			ids, err := w.social.AllReplies(ctx, video.ID, offset, limit)
			return anys(ids, func(id string) any { return id }), err
		})
	}
	return Document{}, store.ErrNotFound
}

// own returns a comment that the creator wrote, and that everybody may see. Numbers are easily
// guessed, so nothing is told of one under a video that is not public.
func (w *Web) own(ctx context.Context, r *http.Request) (social.Comment, error) {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return social.Comment{}, store.ErrNotFound
	}
	comment, err := w.social.Comment(ctx, number)
	if err == nil && (comment.Actor != 0 || comment.State != social.Shown) {
		err = store.ErrNotFound
	}
	if err == nil {
		err = w.public(ctx, comment.Video)
	}
	return comment, err
}

func (w *Web) comment(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	comment, err := w.own(ctx, r)
	if err != nil {
		return Document{}, err
	}
	note, err := w.Note(ctx, site, comment)
	if err != nil {
		return Document{}, err
	}
	return object(vocab.InContext(note))
}

// Note returns a comment of the creator's as an object.
func (w *Web) Note(ctx context.Context, site vocab.Site, c social.Comment) (vocab.Object, error) {
	to, whom := site.Video(c.Video), ""
	var mention vocab.Mention
	if c.Parent != 0 {
		parent, err := w.social.Comment(ctx, c.Parent)
		if err != nil {
			return nil, err
		}
		to, whom = parent.URI, parent.ActorURI
		mention = vocab.Mention{ID: whom, Acct: parent.Acct}
	}
	return site.Note(vocab.Reply{Number: c.ID, Video: c.Video, To: to, HTML: c.HTML, Published: c.PublishedAt, Edited: c.EditedAt, Mention: mention}), nil
}

func (w *Web) replies(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	comment, err := w.own(ctx, r)
	if err != nil {
		return Document{}, err
	}
	total, err := w.social.Answers(ctx, comment.ID)
	if err != nil {
		return Document{}, err
	}
	return list(r, site.Comment(comment.ID)+"/replies", total, func(offset, limit int) ([]any, error) {
		ids, err := w.social.Replies(ctx, comment.Video, comment.ID, offset, limit)
		return anys(ids, func(id string) any { return id }), err
	})
}

// quote is the word that a quote was allowed, FEP-044f.
func (w *Web) quote(ctx context.Context, site vocab.Site, r *http.Request) (Document, error) {
	quote, err := w.allowed(ctx, r)
	if err != nil {
		return Document{}, err
	}
	quoted := site.Video(quote.Video)
	if quote.Comment != 0 {
		quoted = site.Comment(quote.Comment)
	}
	return object(site.QuoteAuthorization(quote.ID, quote.Quote, quoted))
}

// allowed returns the quote of a public video that an address names.
func (w *Web) allowed(ctx context.Context, r *http.Request) (social.Quote, error) {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil {
		return social.Quote{}, store.ErrNotFound
	}
	quote, err := w.social.Quote(ctx, number)
	if err == nil {
		err = w.public(ctx, quote.Video)
	}
	return quote, err
}

// public returns store.ErrNotFound for a video that not everybody may know of.
func (w *Web) public(ctx context.Context, id string) error {
	video, err := w.cfg.Store.Video(ctx, id)
	if err == nil && !video.Listed() {
		err = store.ErrNotFound
	}
	return err
}
