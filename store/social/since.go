package social

import (
	"context"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// CommentsAfter returns what others wrote with numbers above id, the oldest first.
func (s *Store) CommentsAfter(ctx context.Context, id int64, limit int) ([]Comment, error) {
	return rows(ctx, s, "comments", scanComment, "select "+commentColumns+fromComments+
		"where c.id > ? and c.actor is not null and c.html <> '' and c.state <> 'hidden' order by c.id limit ?", id, limit)
}

// LastComment returns the highest number of a comment, 0 without any.
func (s *Store) LastComment(ctx context.Context) (int64, error) {
	return row(ctx, s, "comments", lite.Value[int64], "select coalesce(max(id), 0) from comments")
}

// FollowersSince returns who has asked to follow after a moment, and does now or still waits,
// the oldest first.
func (s *Store) FollowersSince(ctx context.Context, t time.Time, limit int) ([]Follower, error) {
	var list []Follower
	for _, target := range []Target{Person, Group} {
		part, err := rows(ctx, s, "followers", scanFollower, "select "+followerColumns+` from followers f cross join actors a on a.id = f.actor
			where f.target = ? and f.accepted_at is not null and f.accepted_at > ? and f.asked_at > ? order by f.accepted_at limit ?`, target, at(t), at(t), limit)
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	waiting, err := rows(ctx, s, "followers", scanFollower, "select "+followerColumns+` from followers f cross join actors a on a.id = f.actor
		where f.accepted_at is null and f.asked_at > ? order by f.asked_at limit ?`, at(t), limit)
	return append(list, waiting...), err
}

// Elsewhere counts what was said to others under ids that do not begin with base.
func (s *Store) Elsewhere(ctx context.Context, base string) (int, error) {
	return row(ctx, s, "ids", lite.Value[int], `select (select count(*) from outgoing where substr(uri, 1, length(?1)) <> ?1)
		+ (select count(*) from comments where actor is null and uri <> '' and substr(uri, 1, length(?1)) <> ?1)`, base)
}
