package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tubelet/tubelet/store/lite"
)

// MaxAnswers is how many answers Comments returns at most, those nearest to the first comments
// before deeper ones: under one comment there can be thousands.
const MaxAnswers = 200

// Comments returns a page of a video's threads, newest first, and how many threads there
// are. Each thread is its first comment and then all answers to it, at any depth, in the
// order in which they were written; offset and limit count threads.
func (s *Store) Comments(ctx context.Context, video string, offset, limit int) ([]Comment, int, error) {
	var list []Comment
	var total int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		// By itself SQLite goes through all of the video's comments.
		total, err = lite.One(ctx, q, lite.Value[int], "select count(*) from comments indexed by comments_top where video = ? and parent is null and state = 'shown'", video)
		if err != nil || total == 0 {
			return err
		}
		list, err = lite.All(ctx, q, scanComment, `with recursive top (id, at) as (
				select id, published_at from comments where video = ? and parent is null and state = 'shown'
				order by published_at desc, id desc limit ? offset ?),
			thread (id, first, at) as (
				select id, id, at from top
				union all select c.id, first, at from thread join comments c on c.parent = thread.id and c.state = 'shown'
				limit ?)
			select c.id, c.video, c.parent, c.author_name, c.author_acct, c.author_url, c.avatar, c.html, c.url,
				c.likes, c.boosts, c.published_at, c.edited_at
			from thread cross join comments c on c.id = thread.id -- cross: in this order
			order by thread.at desc, thread.first desc, c.parent is not null, c.published_at, c.id`, video, limit, offset, MaxAnswers+limit)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("load comments of %s: %w", video, err)
	}
	return list, total, nil
}

func scanComment(row lite.Scanner, c *Comment) error {
	var parent sql.NullInt64
	err := row.Scan(&c.ID, &c.Video, &parent, &c.AuthorName, &c.AuthorAcct, &c.AuthorURL, &c.Avatar,
		&c.HTML, &c.URL, &c.Likes, &c.Boosts, (*lite.Stamp)(&c.PublishedAt), (*lite.Stamp)(&c.EditedAt))
	c.Parent = parent.Int64
	return err
}

// AddComment stores a comment, which must be sanitised already, and returns its id. A
// video or parent that is not there, or a parent under another video, is ErrNotFound.
func (s *Store) AddComment(ctx context.Context, c Comment) (int64, error) {
	var id int64
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := exists(ctx, tx, c.Video); err != nil {
			return err
		}
		if c.Parent != 0 {
			_, err := lite.One(ctx, tx, lite.Value[int], "select 1 from comments where id = ? and video = ?", c.Parent, c.Video)
			if err != nil {
				return err
			}
		}
		result, err := tx.ExecContext(ctx, `insert into comments (video, parent, author_name, author_acct, author_url,
			avatar, html, url, likes, boosts, published_at) values (?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Video, c.Parent, c.AuthorName, c.AuthorAcct, c.AuthorURL, c.Avatar, c.HTML, c.URL,
			c.Likes, c.Boosts, lite.Stamp(orNow(c.PublishedAt)))
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("add comment to %s: %w", c.Video, err)
	}
	return id, nil
}
