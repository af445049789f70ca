package social

import (
	"context"
	"database/sql"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Reaction is a like, dislike or boost.
type Reaction struct {
	Activity string // its id
	Actor    int64
	ActorURI string // when loaded
	Kind     string // like, dislike, boost
	Video    string
	Comment  int64  // 0: the video itself
	Emoji    string // of an emoji reaction
	At       time.Time
}

// React counts a reaction. The same of the same actor counts once, and a like takes a
// dislike back, and the other way round.
func (s *Store) React(ctx context.Context, r Reaction) error {
	return s.shown(ctx, "react", func(tx *sql.Tx) error {
		if opposite := map[string]string{"like": "dislike", "dislike": "like"}[r.Kind]; opposite != "" {
			err := exec(ctx, tx, "delete from reactions where video = ? and kind = ? and actor = ? and coalesce(comment, 0) = ?",
				r.Video, opposite, r.Actor, r.Comment)
			if err != nil {
				return err
			}
		}
		return exec(ctx, tx, `insert into reactions (activity, actor, kind, video, comment, emoji, at) values (?, ?, ?, ?, nullif(?, 0), ?, ?)
			on conflict do nothing`, r.Activity, r.Actor, r.Kind, r.Video, r.Comment, r.Emoji, at(r.At))
	})
}

// Unreact takes the actor's reaction back that the activity with that id was. lite.ErrNotFound
// means that it was none of the actor's.
func (s *Store) Unreact(ctx context.Context, activity, actor string) error {
	return s.shown(ctx, "take a reaction back", func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, "delete from reactions where activity = ? and actor = (select id from actors where uri = ?)", activity, actor)
	})
}

// UnreactTo takes the actor's reaction of a kind to a video or comment back, for senders that
// name no id.
func (s *Store) UnreactTo(ctx context.Context, r Reaction) error {
	return s.shown(ctx, "take a reaction back", func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, "delete from reactions where video = ? and kind = ? and actor = ? and coalesce(comment, 0) = ?",
			r.Video, r.Kind, r.Actor, r.Comment)
	})
}

// Reactions returns a page of a video's reactions of a kind, the latest first.
func (s *Store) Reactions(ctx context.Context, video, kind string, offset, limit int) ([]Reaction, error) {
	return rows(ctx, s, "reactions", func(row lite.Scanner, r *Reaction) error {
		return row.Scan(&r.Activity, &r.Actor, &r.ActorURI, &r.Kind, &r.Video, &r.Emoji, (*lite.Stamp)(&r.At))
	}, `select r.activity, r.actor, a.uri, r.kind, r.video, r.emoji, r.at from reactions r cross join actors a on a.id = r.actor
		where r.video = ? and r.kind = ? and r.comment is null order by r.id desc limit ? offset ?`, video, kind, limit, offset)
}

// Counts is what is counted about a video.
type Counts struct{ Likes, Dislikes, Boosts, Comments int64 }

// Counts returns what is counted about a video, or lite.ErrNotFound.
func (s *Store) Counts(ctx context.Context, video string) (Counts, error) {
	return row(ctx, s, "counts", func(row lite.Scanner, c *Counts) error {
		return row.Scan(&c.Likes, &c.Dislikes, &c.Boosts, &c.Comments)
	}, "select likes, dislikes, boosts, comments from videos where id = ?", video)
}
