package social

import (
	"context"
	"database/sql"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Received is an activity that came in, verified.
type Received struct {
	ID       int64
	Activity string
	Actor    string // who signed it
	Body     []byte
	Attempts int
}

// Receive stores an activity. It reports false for one that came before, however it ended.
func (s *Store) Receive(ctx context.Context, r Received, now time.Time) (fresh bool, err error) {
	err = s.quietly(ctx, "receive", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `insert into inbox (activity, actor, body, state, attempts, reason, run_at, received_at)
			values (?1, ?2, ?3, 'queued', 0, '', ?4, ?4) on conflict (activity) do nothing`, r.Activity, r.Actor, string(r.Body), at(now))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		fresh = n > 0
		return err
	})
	return fresh, err
}

// Inbox returns what is due to be worked on, the oldest first.
func (s *Store) Inbox(ctx context.Context, now time.Time, limit int) ([]Received, error) {
	return rows(ctx, s, "inbox", func(row lite.Scanner, r *Received) error {
		var body string
		err := row.Scan(&r.ID, &r.Activity, &r.Actor, &body, &r.Attempts)
		r.Body = []byte(body)
		return err
	}, "select id, activity, actor, body, attempts from inbox where state = 'queued' and run_at <= ? order by run_at, id limit ?", at(now), limit)
}

// Worked records that an activity had its effect, or, with a reason, that it never will.
func (s *Store) Worked(ctx context.Context, id int64, reason string) error {
	return s.quietly(ctx, "work on inbox", func(tx *sql.Tx) error {
		return exec(ctx, tx, "update inbox set state = iif(?2 = '', 'done', 'failed'), reason = ?2, body = '' where id = ?1", id, reason)
	})
}

// Later has an activity worked on again at a later time.
func (s *Store) Later(ctx context.Context, id int64, when time.Time, reason string) error {
	return s.quietly(ctx, "work on inbox", func(tx *sql.Tx) error {
		return exec(ctx, tx, "update inbox set attempts = attempts + 1, run_at = ?, reason = ? where id = ?", at(when), reason, id)
	})
}

// ForgetInbox removes what was worked on before a time. An activity that comes again
// afterwards is taken for new, so the time has to be longer ago than a signature is good for.
func (s *Store) ForgetInbox(ctx context.Context, before time.Time) error {
	return s.quietly(ctx, "forget inbox", func(tx *sql.Tx) error {
		return exec(ctx, tx, "delete from inbox where received_at < ? and state <> 'queued'", at(before))
	})
}
