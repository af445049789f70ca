package social

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Deed is what the creator did with something of somebody else's: a like or a boost.
type Deed struct {
	ID      string // in its activity's id
	Kind    string // like, boost
	Object  string // ActivityPub id
	URL     string // its page
	Author  string // ActivityPub id
	Acct    string // the author's
	Inbox   string // where the author heard of it
	Host    string // of the inbox
	Comment int64  // 0: the object is elsewhere
	At      time.Time
}

const deedColumns = "d.id, d.kind, d.object, d.url, d.author, d.acct, d.inbox, d.host, coalesce(d.comment, 0), d.at from deeds d "

func scanDeed(row lite.Scanner, d *Deed) error {
	return row.Scan(&d.ID, &d.Kind, &d.Object, &d.URL, &d.Author, &d.Acct, &d.Inbox, &d.Host, &d.Comment, (*lite.Stamp)(&d.At))
}

// AddDeed remembers a deed. It reports false when the same was done to the object before.
func (s *Store) AddDeed(ctx context.Context, d Deed) (fresh bool, err error) {
	err = s.shown(ctx, "add deed", func(tx *sql.Tx) error {
		err := lite.Changed(ctx, tx, `insert into deeds (id, kind, object, url, author, acct, inbox, host, comment, at)
			values (?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?) on conflict (kind, object) do nothing`,
			d.ID, d.Kind, d.Object, d.URL, d.Author, d.Acct, d.Inbox, d.Host, d.Comment, at(d.At))
		if errors.Is(err, lite.ErrNotFound) {
			return nil
		}
		fresh = err == nil
		return err
	})
	return fresh, err
}

// RemoveDeed forgets a deed, or returns lite.ErrNotFound.
func (s *Store) RemoveDeed(ctx context.Context, id string) error {
	return s.shown(ctx, "remove deed", func(tx *sql.Tx) error { return lite.Changed(ctx, tx, "delete from deeds where id = ?", id) })
}

// ForgetDeeds forgets what was done with an object that its author deleted.
func (s *Store) ForgetDeeds(ctx context.Context, object, author string) error {
	return s.shown(ctx, "forget deeds", func(tx *sql.Tx) error {
		return exec(ctx, tx, "delete from deeds where kind in ('like', 'boost') and object = ? and author = ?", object, author)
	})
}

// Deed returns a deed, or lite.ErrNotFound.
func (s *Store) Deed(ctx context.Context, id string) (Deed, error) {
	return row(ctx, s, "deed", scanDeed, "select "+deedColumns+"where d.id = ?", id)
}

// DeedTo returns the deed of a kind to an object, by its id or its page, or lite.ErrNotFound.
func (s *Store) DeedTo(ctx context.Context, kind, address string) (Deed, error) {
	return row(ctx, s, "deed", scanDeed, "select "+deedColumns+"where d.kind = ?1 and (d.object = ?2 or d.url = ?2) order by d.object = ?2 desc limit 1", kind, address)
}

// Deeds returns the deeds of a kind, the latest first.
func (s *Store) Deeds(ctx context.Context, kind string, limit int) ([]Deed, error) {
	return rows(ctx, s, "deeds", scanDeed, "select "+deedColumns+"where d.kind = ? order by d.at desc, d.id limit ?", kind, limit)
}
