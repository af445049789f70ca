package social

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// State says who sees a comment.
type State string

const (
	Shown  State = "shown"
	Held   State = "held"   // until the creator approves
	Hidden State = "hidden" // by the creator; an answer to it is not seen either
)

// Comment is what somebody, or the creator, wrote under a video.
type Comment struct {
	ID          int64
	Video       string
	Parent      int64  // 0 at top level
	Actor       int64  // 0: the creator
	ActorURI    string // when loaded; "" for the creator
	URI         string // ActivityPub id
	URL         string // its page
	Name        string // the author's, as shown
	Acct        string // @user@host
	ProfileURL  string
	Avatar      string // address on our own host
	HTML        string // sanitised
	State       State
	PublishedAt time.Time
	EditedAt    time.Time
}

const commentColumns = `c.id, c.video, coalesce(c.parent, 0), coalesce(c.actor, 0), coalesce(a.uri, ''), c.uri, c.url, c.author_name,
	c.author_acct, c.author_url, c.avatar, c.html, c.state, c.published_at, c.edited_at`

func scanComment(row lite.Scanner, c *Comment) error {
	return row.Scan(&c.ID, &c.Video, &c.Parent, &c.Actor, &c.ActorURI, &c.URI, &c.URL, &c.Name, &c.Acct, &c.ProfileURL, &c.Avatar,
		&c.HTML, &c.State, (*lite.Stamp)(&c.PublishedAt), (*lite.Stamp)(&c.EditedAt))
}

// AddComment stores a comment, which must be sanitised already, and returns its number. For
// one that is there already, by its id, it changes nothing and reports false.
func (s *Store) AddComment(ctx context.Context, c Comment) (id int64, fresh bool, err error) {
	err = s.shown(ctx, "add comment", func(tx *sql.Tx) error {
		known, err := lite.All(ctx, tx, lite.Value[int64], "select id from comments where uri = ? and uri <> ''", c.URI)
		if err != nil {
			return err
		}
		if len(known) > 0 {
			id = known[0]
			return nil
		}
		fresh = true
		if c.Parent, err = hung(ctx, tx, c.Parent); err != nil {
			return err
		}
		id, err = lite.One(ctx, tx, lite.Value[int64], `insert into comments (video, parent, author_name, author_acct, author_url, avatar,
				html, url, likes, boosts, published_at, uri, actor, state)
			values (?, nullif(?, 0), ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, nullif(?, 0), ?) returning id`,
			c.Video, c.Parent, c.Name, c.Acct, c.ProfileURL, c.Avatar, c.HTML, c.URL, at(c.PublishedAt), c.URI, c.Actor, c.State)
		return err
	})
	return id, fresh, err
}

// maxDepth is how deep answers hang below each other. Removing a comment removes what is below,
// and SQLite goes no more than 1000 deep for that.
const maxDepth = 100

// hung returns which comment an answer to parent hangs below: an answer to one that is at the
// greatest depth stands beside it.
func hung(ctx context.Context, tx *sql.Tx, parent int64) (int64, error) {
	if parent == 0 {
		return 0, nil
	}
	above, err := lite.All(ctx, tx, lite.Value[int64], `with recursive up (id, depth) as (
			select ?1, 1 union all select c.parent, depth + 1 from up join comments c on c.id = up.id where c.parent is not null and depth < ?2)
		select id from up`, parent, maxDepth)
	if err != nil || len(above) < maxDepth {
		return parent, err
	}
	return above[1], nil
}

// SetCommentURI gives a comment of the creator its id, which holds its number.
func (s *Store) SetCommentURI(ctx context.Context, id int64, uri, url string) error {
	return s.shown(ctx, "name comment", func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, "update comments set uri = ?, url = ? where id = ?", uri, url, id)
	})
}

// EditComment changes what an actor wrote. lite.ErrNotFound means that it was not the actor's.
func (s *Store) EditComment(ctx context.Context, uri, actor, html string, when time.Time) error {
	return s.shown(ctx, "edit comment", func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, `update comments set html = ?, edited_at = ? where uri = ? and html <> ''
			and actor = (select id from actors where uri = ?)`, html, at(when), uri, actor)
	})
}

// DeleteComment removes what an actor wrote, with the answers to it; actor "" is the creator.
// lite.ErrNotFound means that it was not the actor's.
func (s *Store) DeleteComment(ctx context.Context, uri, actor string) error {
	return s.shown(ctx, "delete comment", func(tx *sql.Tx) error {
		if actor == "" {
			return lite.Changed(ctx, tx, "delete from comments where uri = ? and uri <> '' and actor is null", uri)
		}
		return lite.Changed(ctx, tx, "delete from comments where uri = ? and actor = (select id from actors where uri = ?)", uri, actor)
	})
}

// RemoveComment removes any comment, with the answers to it. Of one that came from elsewhere its
// empty row stays hidden, or an edit, or an answer to it, would bring it back.
func (s *Store) RemoveComment(ctx context.Context, id int64) error {
	return s.shown(ctx, "remove comment", func(tx *sql.Tx) error {
		err := lite.Changed(ctx, tx, "delete from comments where id = ? and actor is null", id)
		if !errors.Is(err, lite.ErrNotFound) {
			return err
		}
		if err := exec(ctx, tx, "delete from comments where parent = ?", id); err != nil {
			return err
		}
		return lite.Changed(ctx, tx, "update comments set state = 'hidden', html = '' where id = ? and html <> ''", id)
	})
}

// SetCommentState shows, holds or hides a comment.
func (s *Store) SetCommentState(ctx context.Context, id int64, state State) error {
	return s.shown(ctx, "change comment", func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, "update comments set state = ? where id = ? and html <> ''", state, id)
	})
}

const fromComments = " from comments c left join actors a on a.id = c.actor "

// Comment returns a comment by its number, or lite.ErrNotFound.
func (s *Store) Comment(ctx context.Context, id int64) (Comment, error) {
	return row(ctx, s, fmt.Sprintf("comment %d", id), scanComment, "select "+commentColumns+fromComments+"where c.id = ?", id)
}

// CommentByURI returns a comment by its ActivityPub id, or lite.ErrNotFound.
func (s *Store) CommentByURI(ctx context.Context, uri string) (Comment, error) {
	return row(ctx, s, "comment", scanComment, "select "+commentColumns+fromComments+"where c.uri = ? and c.uri <> ''", uri)
}

// Comments returns a page of a video's comments of any state, the latest first; for all videos
// when video is "".
func (s *Store) Comments(ctx context.Context, video string, offset, limit int) ([]Comment, error) {
	if video == "" {
		return rows(ctx, s, "comments", scanComment, "select "+commentColumns+fromComments+"where c.html <> '' order by c.id desc limit ? offset ?", limit, offset)
	}
	return rows(ctx, s, "comments", scanComment, "select "+commentColumns+fromComments+"where c.video = ? and c.html <> '' order by c.id desc limit ? offset ?", video, limit, offset)
}

// Held returns the comments that wait for the creator.
func (s *Store) Held(ctx context.Context) ([]Comment, error) {
	return rows(ctx, s, "comments", scanComment, "select "+commentColumns+fromComments+"where c.state = 'held' order by c.id")
}

// Replies returns the ids of what was written directly under a video, or under a comment of
// it, as far as it is shown, the latest first.
func (s *Store) Replies(ctx context.Context, video string, parent int64, offset, limit int) ([]string, error) {
	if parent != 0 {
		return rows(ctx, s, "replies", lite.Value[string], `select uri from comments where parent = ? and state = 'shown' and uri <> ''
			order by id desc limit ? offset ?`, parent, limit, offset)
	}
	return rows(ctx, s, "replies", lite.Value[string], `select uri from comments where video = ? and parent is null and state = 'shown' and uri <> ''
		order by published_at desc, id desc limit ? offset ?`, video, limit, offset)
}

// Answers counts what is shown right under a comment.
func (s *Store) Answers(ctx context.Context, comment int64) (int64, error) {
	return row(ctx, s, "replies", lite.Value[int64], `select count(*) from comments where parent = ? and state = 'shown' and uri <> '' `, comment)
}

// Since returns comments of others that are shown and came between two times, the latest first.
func (s *Store) Since(ctx context.Context, from, to time.Time, limit int) ([]Comment, error) {
	return rows(ctx, s, "comments", scanComment, "select "+commentColumns+fromComments+`where c.actor is not null and c.published_at >= ? and c.published_at < ? and c.state = 'shown' and c.html <> '' order by c.id desc limit ?`, at(from), at(to), limit)
}

// AllReplies returns the ids of everything that was written under a video and is shown.
func (s *Store) AllReplies(ctx context.Context, video string, offset, limit int) ([]string, error) {
	return rows(ctx, s, "replies", lite.Value[string], `select uri from comments where video = ? and state = 'shown' and uri <> ''
		order by id desc limit ? offset ?`, video, limit, offset)
}
