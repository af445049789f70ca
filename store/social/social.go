// Package social remembers the fediverse: actors of other servers, who follows, what came
// in and what is on its way out, reactions, comments, blocks. It shares the database with
// package store, whose schema.sql says what each table is for.
//
// What pages show is written with Write, so that they are made anew; the rest, which is
// most, quietly. A method is one transaction, unless Together joins several.
package social

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Store is the fediverse's part of an open database.
type Store struct {
	db *lite.DB
	tx *sql.Tx // within Together

	changed *bool // whether something was changed in it that pages show
}

// New returns the fediverse's part of db.
func New(db *lite.DB) *Store { return &Store{db: db} }

// Together runs f in one transaction: all that it does with the store it is given happens,
// or nothing. With shown, pages are made anew afterwards, when anything has changed that they
// show: strangers must not have that done for nothing.
func (s *Store) Together(ctx context.Context, shown bool, f func(*Store) error) error {
	return s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		changed := false
		if err := f(&Store{s.db, tx, &changed}); err != nil || !changed || !shown {
			return err
		}
		return lite.CountContent(ctx, tx)
	})
}

// Target is one of our two actors.
type Target string

const (
	Person Target = "person" // authors everything; followed from Mastodon and its like
	Group  Target = "group"  // announces; followed from PeerTube and Lemmy
)

// quietly runs f in a transaction that changes no page.
func (s *Store) quietly(ctx context.Context, what string, f func(*sql.Tx) error) error {
	write := s.db.WriteQuietly
	if s.tx != nil {
		write = s.join
	}
	if err := write(ctx, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// join runs f within the transaction of Together.
func (s *Store) join(_ context.Context, f func(*sql.Tx) error) error { return f(s.tx) }

// shown runs f in a transaction after which pages are made anew.
func (s *Store) shown(ctx context.Context, what string, f func(*sql.Tx) error) error {
	write := s.db.Write
	if s.tx != nil {
		write = func(ctx context.Context, f func(*sql.Tx) error) error {
			changed, err := lite.Changing(ctx, s.tx, f)
			*s.changed = *s.changed || changed
			return err
		}
	}
	if err := write(ctx, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// rows returns the rows of a query.
func rows[T any](ctx context.Context, s *Store, what string, scan func(lite.Scanner, *T) error, query string, args ...any) ([]T, error) {
	var list []T
	load := func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, scan, query, args...)
		return err
	}
	var err error
	if s.tx != nil {
		err = load(s.tx)
	} else {
		err = s.db.Read(ctx, load)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", what, err)
	}
	return list, nil
}

// row returns the only row of a query, or lite.ErrNotFound.
func row[T any](ctx context.Context, s *Store, what string, scan func(lite.Scanner, *T) error, query string, args ...any) (T, error) {
	list, err := rows(ctx, s, what, scan, query, args...)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("load %s: %w", what, lite.ErrNotFound)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return list[0], nil
}

func exec(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

func at(t time.Time) lite.Stamp { return lite.Stamp(t) }
