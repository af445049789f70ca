package social

import (
	"context"
	"database/sql"
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

// The setting that holds up to when comments were asked for answers.
const crawledKey = "fed.crawled"

// Crawled returns up to when comments were asked for answers, zero when that was never done.
func (s *Store) Crawled(ctx context.Context) (time.Time, error) {
	list, err := rows(ctx, s, "crawled", lite.Value[string], "select value from settings where key = ?", crawledKey)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, list[0])
}

// SetCrawled records up to when comments were asked for answers.
func (s *Store) SetCrawled(ctx context.Context, t time.Time) error {
	return s.quietly(ctx, "crawled", func(tx *sql.Tx) error {
		return exec(ctx, tx, "insert into settings (key, value) values (?1, ?2) on conflict (key) do update set value = ?2", crawledKey, t.UTC().Format(time.RFC3339))
	})
}

// Recall has happen now what a clock that was ahead put off beyond latest, and takes for begun now
// what it says began later than that.
func (s *Store) Recall(ctx context.Context, now, latest time.Time) error {
	return s.quietly(ctx, "recall", func(tx *sql.Tx) error {
		for _, query := range []string{
			"update deliveries set run_at = ?1 where run_at > ?2",
			"update inbox set run_at = ?1 where state = 'queued' and run_at > ?2",
			"update inbox set received_at = ?1 where received_at > ?2",
			"update outgoing set at = ?1 where at > ?2",
			"update hosts set failing_at = ?1 where failing_at > ?2",
		} {
			if err := exec(ctx, tx, query, at(now), at(latest)); err != nil {
				return err
			}
		}
		return nil
	})
}
