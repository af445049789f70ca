package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Mirror is the machine of a friend that seeds this channel's videos.
type Mirror struct {
	ID      string // what it calls itself by, lower-case hex
	Name    string
	URL     string
	Refused bool
	SeenAt  time.Time
}

// mirrorsKept bounds the list: anybody can call himself a mirror, under as many names as he
// likes. The ones that were not seen for the longest time are forgotten, unless refused.
const mirrorsKept = 200

// SeeMirror records that a mirror is there, and returns whether it is refused. No URL leaves
// the one that is known.
func (s *Store) SeeMirror(ctx context.Context, m Mirror) (refused bool, err error) {
	err = s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into mirrors (id, name, url, refused, seen_at) values (?1, ?2, ?3, 0, ?4)
			on conflict (id) do update set name = ?2, url = iif(?3 = '', url, ?3), seen_at = ?4`, m.ID, m.Name, m.URL, lite.Stamp(orNow(m.SeenAt)))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `delete from mirrors where refused = 0 and id not in (
			select id from mirrors where refused = 0 order by seen_at desc, id limit ?)`, mirrorsKept)
		if err != nil {
			return err
		}
		refused, err = lite.One(ctx, tx, lite.Value[bool], "select refused from mirrors where id = ?", m.ID)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("record mirror %s: %w", m.ID, err)
	}
	return refused, nil
}

// MirrorRefused reports whether the mirror with that id is refused. An unknown one is not.
func (s *Store) MirrorRefused(ctx context.Context, id string) (bool, error) {
	var found []bool
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		found, err = lite.All(ctx, q, lite.Value[bool], "select refused from mirrors where id = ?", id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for mirror %s: %w", id, err)
	}
	return len(found) > 0 && found[0], nil
}

// Mirrors returns the mirrors, the one that was seen last first.
func (s *Store) Mirrors(ctx context.Context) ([]Mirror, error) {
	var list []Mirror
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, func(row lite.Scanner, m *Mirror) error {
			return row.Scan(&m.ID, &m.Name, &m.URL, &m.Refused, (*lite.Stamp)(&m.SeenAt))
		}, "select id, name, url, refused, seen_at from mirrors order by seen_at desc, id")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list mirrors: %w", err)
	}
	return list, nil
}

// RefuseMirror refuses a mirror, or takes that back. It is named by its name, or by the
// beginning of its id. None, or several, of that name are ErrNotFound and ErrInvalid.
func (s *Store) RefuseMirror(ctx context.Context, name string, refuse bool) (Mirror, error) {
	list, err := s.Mirrors(ctx)
	if err != nil {
		return Mirror{}, err
	}
	var found []Mirror
	for _, m := range list {
		if m.Name == name || m.ID == name || len(name) >= 6 && strings.HasPrefix(m.ID, name) {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return Mirror{}, Errorf(ErrNotFound, "there is no mirror %q", name)
	case len(found) > 1:
		return Mirror{}, Errorf(ErrInvalid, "%d mirrors are called %q: name one by the beginning of its id", len(found), name)
	}
	m := found[0]
	m.Refused = refuse
	err = s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, "update mirrors set refused = ? where id = ?", refuse, m.ID)
	})
	if err != nil {
		return Mirror{}, fmt.Errorf("change mirror %s: %w", m.ID, err)
	}
	return m, nil
}
