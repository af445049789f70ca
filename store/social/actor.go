package social

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Actor is an actor of another server, as it last described itself.
type Actor struct {
	ID          int64 // ours
	URI         string
	Kind        string // Person, Group, Service, ...
	Acct        string // @user@host
	Host        string
	Domain      string // that was registered for Host; Host itself when it is not said
	Name        string
	URL         string // profile page
	Inbox       string
	SharedInbox string // Inbox where there is none
	KeyID       string
	KeyPEM      string
	AvatarURL   string
	Avatar      string // file in cache/avatars/
	FetchedAt   time.Time
}

const actorColumns = `a.id, a.uri, a.kind, a.acct, a.host, a.domain, a.name, a.url, a.inbox, a.shared_inbox, a.key_id, a.key_pem,
	a.avatar_url, a.avatar, a.fetched_at`

func scanActor(row lite.Scanner, a *Actor) error {
	return row.Scan(&a.ID, &a.URI, &a.Kind, &a.Acct, &a.Host, &a.Domain, &a.Name, &a.URL, &a.Inbox, &a.SharedInbox, &a.KeyID, &a.KeyPEM,
		&a.AvatarURL, &a.Avatar, (*lite.Stamp)(&a.FetchedAt))
}

// SaveActor stores what is known of an actor now and returns our number for it. Comments
// of the actor show the new name and avatar.
func (s *Store) SaveActor(ctx context.Context, a Actor) (id int64, err error) {
	err = s.quietly(ctx, "save actor", func(tx *sql.Tx) error {
		id, err = lite.One(ctx, tx, lite.Value[int64], `insert into actors (uri, kind, acct, host, name, url, inbox, shared_inbox,
				key_id, key_pem, avatar_url, avatar, fetched_at, domain) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
			on conflict (uri) do update set kind = ?2, acct = ?3, host = ?4, name = ?5, url = ?6, inbox = ?7, shared_inbox = ?8,
				key_id = ?9, key_pem = ?10, avatar_url = ?11, avatar = ?12, fetched_at = ?13, domain = ?14
			returning id`,
			a.URI, a.Kind, a.Acct, a.Host, a.Name, a.URL, a.Inbox, a.SharedInbox, a.KeyID, a.KeyPEM, a.AvatarURL, a.Avatar, at(a.FetchedAt), cmp.Or(a.Domain, a.Host))
		if err != nil {
			return err
		}
		avatar := ""
		if a.Avatar != "" {
			avatar = "/avatars/" + a.Avatar
		}
		// Most who are saved have not commented, or look as before: pages stay as they are.
		changed, err := lite.Changing(ctx, tx, func(tx *sql.Tx) error {
			return exec(ctx, tx, `update comments set author_name = ?1, author_acct = ?2, author_url = ?3, avatar = ?4
				where actor = ?5 and (author_name, author_acct, author_url, avatar) is not (?1, ?2, ?3, ?4)`, a.Name, a.Acct, a.URL, avatar, id)
		})
		if err != nil || !changed {
			return err
		}
		return lite.CountContent(ctx, tx)
	})
	return id, err
}

// SetAvatar records the copy of an actor's avatar, and has comments show it. An actor who has
// another picture by now is left alone.
func (s *Store) SetAvatar(ctx context.Context, id int64, address, file string) error {
	return s.shown(ctx, "set avatar", func(tx *sql.Tx) error {
		err := exec(ctx, tx, "update actors set avatar = ? where id = ? and avatar_url = ?", file, id, address)
		if err != nil {
			return err
		}
		return exec(ctx, tx, "update comments set avatar = '/avatars/' || ?2 where actor = ?1 and exists (select 1 from actors where id = ?1 and avatar = ?2)", id, file)
	})
}

// Actor returns an actor by its id, or lite.ErrNotFound.
func (s *Store) Actor(ctx context.Context, uri string) (Actor, error) {
	return row(ctx, s, "actor", scanActor, "select "+actorColumns+" from actors a where uri = ?", uri)
}

// ActorByKey returns the actor with that key id, or lite.ErrNotFound.
func (s *Store) ActorByKey(ctx context.Context, key string) (Actor, error) {
	return row(ctx, s, "actor", scanActor, "select "+actorColumns+" from actors a where key_id = ?", key)
}

// DeleteActor forgets an actor with all that it did here, and what was done with its things.
func (s *Store) DeleteActor(ctx context.Context, uri string) error {
	return s.shown(ctx, "delete actor", func(tx *sql.Tx) error {
		if err := exec(ctx, tx, "delete from deeds where author = ?", uri); err != nil {
			return err
		}
		return exec(ctx, tx, "delete from actors where uri = ?", uri)
	})
}

// Strangers returns actors that did nothing here that is left, and were not asked about since
// before: whoever knocked once, or took back what they said. At most limit of them.
func (s *Store) Strangers(ctx context.Context, before time.Time, limit int) ([]int64, error) {
	return rows(ctx, s, "strangers", lite.Value[int64], `select a.id from actors a where a.fetched_at < ?
		and not exists (select 1 from followers f where f.actor = a.id) and not exists (select 1 from comments c where c.actor = a.id)
		and not exists (select 1 from reactions r where r.actor = a.id) limit ?`, at(before), limit)
}

// Forget forgets actors, unless they have done something meanwhile.
func (s *Store) Forget(ctx context.Context, ids []int64) error {
	return s.quietly(ctx, "forget actors", func(tx *sql.Tx) error {
		for _, id := range ids {
			err := exec(ctx, tx, `delete from actors where id = ?1 and not exists (select 1 from followers where actor = ?1)
				and not exists (select 1 from comments where actor = ?1) and not exists (select 1 from reactions where actor = ?1)`, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Avatars returns the names of all files that actors have as their picture.
func (s *Store) Avatars(ctx context.Context) ([]string, error) {
	return rows(ctx, s, "avatars", lite.Value[string], "select avatar from actors where avatar <> ''")
}
