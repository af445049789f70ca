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
	Host     string // the actor's
	Body     []byte
	Attempts int
}

// Intake is what became of an activity that came in.
type Intake int

const (
	Again Intake = iota // it came before, however that ended
	Fresh
	Full // too much of its host waits already
)

// maxQueued is how many activities of one host may wait to be worked on. Each may be large, and a
// host can have them take long.
const maxQueued = 2000

// Receive stores activities, and takes their hosts off the list of those that fail: they
// speak to us.
func (s *Store) Receive(ctx context.Context, list []Received, now time.Time) (intake []Intake, err error) {
	intake = make([]Intake, len(list))
	err = s.quietly(ctx, "receive", func(tx *sql.Tx) error {
		for i, r := range list {
			if intake[i], err = receive(ctx, tx, r, now); err != nil {
				return err
			}
		}
		return nil
	})
	return intake, err
}

func receive(ctx context.Context, tx *sql.Tx, r Received, now time.Time) (Intake, error) {
	added, err := lite.All(ctx, tx, lite.Value[int64], `insert into inbox (activity, actor, host, body, state, attempts, reason, run_at, received_at)
		select ?1, ?2, ?3, ?4, 'queued', 0, '', ?5, ?5
		where not exists (select 1 from inbox where host = ?3 and state = 'queued' order by run_at limit 1 offset ?6)
		on conflict (activity) do nothing returning id`, r.Activity, r.Actor, r.Host, string(r.Body), at(now), maxQueued-1)
	if err != nil {
		return Again, err
	}
	if len(added) > 0 {
		return Fresh, exec(ctx, tx, "delete from hosts where host = ?", r.Host)
	}
	known, err := lite.All(ctx, tx, lite.Value[string], "select iif(actor = ? and state = 'done', reason, '') from inbox where activity = ?", r.Actor, r.Activity)
	if err != nil || len(known) == 0 {
		return Full, err
	}
	if known[0] == "" {
		return Again, nil
	}
	return Fresh, reopen(ctx, tx, r, known[0], now)
}

// reopen takes an activity that came before, and was taken back, for new. PeerTube and Misskey use
// the id of a Follow, Like or Undo again when somebody changes their mind once more.
func reopen(ctx context.Context, tx *sql.Tx, r Received, undo string, now time.Time) error {
	if err := exec(ctx, tx, "delete from inbox where activity = ? and actor = ?", undo, r.Actor); err != nil {
		return err
	}
	return exec(ctx, tx, "update inbox set body = ?1, state = 'queued', attempts = 0, reason = '', run_at = ?2, received_at = ?2 where activity = ?3",
		string(r.Body), at(now), r.Activity)
}

// TakenBack records that an actor undid an activity of its own, so that the same may come again,
// and be undone again.
func (s *Store) TakenBack(ctx context.Context, undo Received, activity string, now time.Time) error {
	return s.quietly(ctx, "take back", func(tx *sql.Tx) error {
		return exec(ctx, tx, `insert into inbox (activity, actor, host, body, state, attempts, reason, run_at, received_at) values (?1, ?2, ?3, '', 'done', 0, ?4, ?5, ?5)
			on conflict (activity) do update set state = 'done', reason = ?4 where actor = ?2 and state <> 'queued'`, activity, undo.Actor, undo.Host, undo.Activity, at(now))
	})
}

// Lane is a host, and when there is something to do for it.
type Lane struct {
	Host    string
	Due     time.Time
	Failing bool // it could not be reached lately
}

func scanLane(row lite.Scanner, l *Lane) error {
	return row.Scan(&l.Host, (*lite.Stamp)(&l.Due), &l.Failing)
}

// InboxLanes returns the hosts of which something waits to be worked on.
func (s *Store) InboxLanes(ctx context.Context) ([]Lane, error) {
	// From host to host by the index, however much waits for each.
	return rows(ctx, s, "inbox", scanLane, `with recursive lanes (host) as (
			select min(host) from inbox where state = 'queued'
			union all select (select min(i.host) from inbox i where i.state = 'queued' and i.host > lanes.host) from lanes where lanes.host is not null)
		select host, (select min(i.run_at) from inbox i where i.state = 'queued' and i.host = lanes.host) as due, 0
		from lanes where host is not null order by due`)
}

// Next returns the oldest activity of a host that is due to be worked on, or lite.ErrNotFound.
func (s *Store) Next(ctx context.Context, host string, now time.Time) (Received, error) {
	return row(ctx, s, "inbox", func(row lite.Scanner, r *Received) error {
		var body string
		err := row.Scan(&r.ID, &r.Activity, &r.Actor, &r.Host, &body, &r.Attempts)
		r.Body = []byte(body)
		return err
	}, `select id, activity, actor, host, body, attempts from inbox where state = 'queued' and host = ? and run_at <= ?
		order by run_at, id limit 1`, host, at(now))
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
