package social

import (
	"context"
	"database/sql"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Follower is somebody who follows, or wants to.
type Follower struct {
	Actor
	Target     Target
	Follow     string // id of the Follow
	AskedAt    time.Time
	AcceptedAt time.Time // zero while the creator has to approve
}

func scanFollower(row lite.Scanner, f *Follower) error {
	return row.Scan(&f.ID, &f.URI, &f.Kind, &f.Acct, &f.Host, &f.Domain, &f.Name, &f.URL, &f.Inbox, &f.SharedInbox, &f.KeyID, &f.KeyPEM,
		&f.AvatarURL, &f.Avatar, (*lite.Stamp)(&f.FetchedAt), &f.Target, &f.Follow, (*lite.Stamp)(&f.AskedAt), (*lite.Stamp)(&f.AcceptedAt))
}

const followerColumns = actorColumns + ", f.target, f.follow, f.asked_at, f.accepted_at"

// Follow remembers that an actor follows, or asks to. Who follows already only has the
// Follow's id renewed. It reports whether the follower is accepted now.
func (s *Store) Follow(ctx context.Context, target Target, actor int64, follow string, accept bool, now time.Time) (accepted bool, err error) {
	var when time.Time
	if accept {
		when = now
	}
	err = s.quietly(ctx, "follow", func(tx *sql.Tx) error {
		accepted, err = lite.One(ctx, tx, lite.Value[bool], `insert into followers (target, actor, follow, asked_at, accepted_at) values (?1, ?2, ?3, ?4, ?5)
			on conflict (target, actor) do update set follow = ?3, accepted_at = coalesce(accepted_at, ?5) returning accepted_at is not null`,
			target, actor, follow, at(now), at(when))
		return err
	})
	return accepted, err
}

// Unfollow forgets a follower; one that is none is no error.
func (s *Store) Unfollow(ctx context.Context, target Target, actor string) error {
	return s.quietly(ctx, "unfollow", func(tx *sql.Tx) error {
		return exec(ctx, tx, "delete from followers where target = ? and actor = (select id from actors where uri = ?)", target, actor)
	})
}

// Accept approves of somebody who asks to follow, and returns whom it was.
func (s *Store) Accept(ctx context.Context, target Target, actor string, now time.Time) error {
	return s.quietly(ctx, "approve follower", func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, `update followers set accepted_at = ? where target = ? and accepted_at is null
			and actor = (select id from actors where uri = ?)`, at(now), target, actor)
	})
}

// Followers returns a page of those who follow, the latest first, and how many there are.
func (s *Store) Followers(ctx context.Context, target Target, offset, limit int) ([]Follower, int, error) {
	total, err := row(ctx, s, "followers", lite.Value[int], "select count(*) from followers where target = ? and accepted_at is not null", target)
	if err != nil {
		return nil, 0, err
	}
	// The index alone leads past those who are skipped; a cross join keeps the page's order.
	list, err := rows(ctx, s, "followers", scanFollower, "select "+followerColumns+` from (select actor from followers
			where target = ?1 and accepted_at is not null order by accepted_at desc, actor desc limit ?2 offset ?3) page
		cross join followers f on f.target = ?1 and f.actor = page.actor cross join actors a on a.id = f.actor`, target, limit, offset)
	return list, total, err
}

// FollowerIDs returns the ids of a page of those who follow, the latest first.
func (s *Store) FollowerIDs(ctx context.Context, target Target, offset, limit int) ([]string, error) {
	// The index alone leads past those who are skipped.
	return rows(ctx, s, "followers", lite.Value[string], `select (select uri from actors where id = f.actor) from followers f
		where f.target = ? and f.accepted_at is not null order by f.accepted_at desc, f.actor desc limit ? offset ?`, target, limit, offset)
}

// Waiting returns those who ask to follow.
func (s *Store) Waiting(ctx context.Context) ([]Follower, error) {
	return rows(ctx, s, "followers", scanFollower, "select "+followerColumns+` from followers f cross join actors a on a.id = f.actor
		where f.accepted_at is null order by f.asked_at`)
}

// Follows returns what an actor follows of ours.
func (s *Store) Follows(ctx context.Context, actor string) ([]Follower, error) {
	return rows(ctx, s, "followers", scanFollower, "select "+followerColumns+` from actors a join followers f on f.actor = a.id where a.uri = ?`, actor)
}

// FollowsOf returns what the account with a handle follows, or asks to follow, of ours.
func (s *Store) FollowsOf(ctx context.Context, acct string) ([]Follower, error) {
	return rows(ctx, s, "follower", scanFollower, "select "+followerColumns+` from actors a join followers f on f.actor = a.id where a.acct = ?`, acct)
}

// FollowersAt returns how many of a registered domain follow one of ours.
func (s *Store) FollowersAt(ctx context.Context, target Target, domain string) (int, error) {
	return row(ctx, s, "followers", lite.Value[int], `select count(*) from actors a cross join followers f on f.actor = a.id and f.target = ?
		where a.domain = ?`, target, domain)
}
