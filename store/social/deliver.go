package social

import (
	"context"
	"database/sql"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Outgoing is an activity of ours on its way.
type Outgoing struct {
	URI  string // its id: sent once, however often it is asked for
	By   Target // who signs
	Body []byte

	Followers []Target    // whose followers it goes to, once for each shared inbox
	Inboxes   []Recipient // and besides
}

// Recipient is an inbox and its host.
type Recipient struct{ Inbox, Host string }

// Delivery is one activity for one inbox.
type Delivery struct {
	ID       int64
	Inbox    string
	Host     string
	Attempts int
	By       Target
	Body     []byte
	Shared   bool // several actors may be behind the inbox
}

// Send puts an activity on its way. One that was put there before is left as it is, and
// nothing goes to hosts that are blocked or parked.
func (s *Store) Send(ctx context.Context, out Outgoing, now time.Time) error {
	return s.quietly(ctx, "send", func(tx *sql.Tx) error { return send(ctx, tx, out, now) })
}

func send(ctx context.Context, tx *sql.Tx, out Outgoing, now time.Time) error {
	id, fresh, err := enter(ctx, tx, out, now)
	if err != nil || !fresh {
		return err
	}
	for _, target := range out.Followers {
		if err := toFollowers(ctx, tx, id, target, now); err != nil {
			return err
		}
	}
	for _, r := range out.Inboxes {
		if err := address(ctx, tx, id, r, now); err != nil {
			return err
		}
	}
	return nil
}

// toFollowers addresses an activity to whoever follows target, except hosts that are parked.
func toFollowers(ctx context.Context, tx *sql.Tx, id int64, target Target, now time.Time) error {
	return exec(ctx, tx, `insert into deliveries (outgoing, inbox, host, attempts, reason, run_at)
		select distinct ?1, a.shared_inbox, a.host, 0, '', ?3 from followers f cross join actors a on a.id = f.actor
		where f.target = ?2 and f.accepted_at is not null and not exists (select 1 from hosts h where h.host = a.host and h.parked)
		on conflict (outgoing, inbox) do nothing`, id, target, at(now))
}

// enter stores an activity and reports whether it was not there before.
func enter(ctx context.Context, tx *sql.Tx, out Outgoing, now time.Time) (id int64, fresh bool, err error) {
	list, err := lite.All(ctx, tx, lite.Value[int64], "insert into outgoing (uri, by, body, at) values (?, ?, ?, ?) on conflict (uri) do nothing returning id",
		out.URI, out.By, string(out.Body), at(now))
	if err != nil || len(list) == 0 {
		return 0, false, err
	}
	return list[0], true, nil
}

func address(ctx context.Context, tx *sql.Tx, id int64, r Recipient, now time.Time) error {
	return exec(ctx, tx, `insert into deliveries (outgoing, inbox, host, attempts, reason, run_at) select ?1, ?2, ?3, 0, '', ?4
		where not exists (select 1 from hosts where host = ?3 and parked)
		and not exists (select 1 from blocks where target in (?5, ?6, ?7, ?8, ?9) and not mute)
		on conflict (outgoing, inbox) do nothing`, append([]any{id, r.Inbox, r.Host, at(now)}, domains(r.Host)...)...)
}

// Lanes returns the hosts for which deliveries wait: first those that were reached when last
// tried, of each kind those first that waited longest.
func (s *Store) Lanes(ctx context.Context) ([]Lane, error) {
	// From host to host by the index, however much waits for each.
	return rows(ctx, s, "lanes", scanLane, `with recursive lanes (host) as (
			select min(host) from deliveries
			union all select (select min(d.host) from deliveries d where d.host > lanes.host) from lanes where lanes.host is not null)
		select host, (select min(d.run_at) from deliveries d where d.host = lanes.host) as due,
			exists (select 1 from hosts h where h.host = lanes.host) as failing
		from lanes where host is not null order by failing, due`)
}

// Due returns the oldest delivery to a host whose time has come, or lite.ErrNotFound.
func (s *Store) Due(ctx context.Context, host string, now time.Time) (Delivery, error) {
	return row(ctx, s, "delivery", func(row lite.Scanner, d *Delivery) error {
		var body string
		err := row.Scan(&d.ID, &d.Inbox, &d.Host, &d.Attempts, &d.By, &body, &d.Shared)
		d.Body = []byte(body)
		return err
	}, `select d.id, d.inbox, d.host, d.attempts, o.by, o.body,
		exists (select 1 from actors a where a.host = d.host and a.shared_inbox = d.inbox and a.inbox <> d.inbox) from deliveries d cross join outgoing o on o.id = d.outgoing
		where d.host = ? and d.run_at <= ? order by d.run_at, d.id limit 1`, host, at(now))
}

// Outcome is how the attempt at a delivery went.
type Outcome struct {
	Delivery
	Done   bool      // it arrived, or never will: off the list
	Alive  bool      // the host answers, so it is off the list of those that fail
	Gone   bool      // nobody is at that inbox any more, so who follows from it is forgotten
	Again  time.Time // else: when to try again
	Hold   bool      // and nothing goes to the host before that
	Reason string    // of a failure
}

// Record stores how attempts went. A host that has been failing since before given is given
// up: what waits for it is dropped, and nothing more is put on its way until it speaks to us.
func (s *Store) Record(ctx context.Context, list []Outcome, now, given time.Time) error {
	return s.quietly(ctx, "record deliveries", func(tx *sql.Tx) error {
		for _, o := range list {
			if err := record(ctx, tx, o, now, given); err != nil {
				return err
			}
		}
		return nil
	})
}

func record(ctx context.Context, tx *sql.Tx, o Outcome, now, given time.Time) error {
	if o.Alive {
		if err := exec(ctx, tx, "delete from hosts where host = ?", o.Host); err != nil {
			return err
		}
	}
	if o.Gone {
		err := exec(ctx, tx, "delete from followers where actor in (select id from actors where host = ? and shared_inbox = ?)", o.Host, o.Inbox)
		if err != nil {
			return err
		}
	}
	if o.Done {
		return exec(ctx, tx, "delete from deliveries where id = ?", o.ID)
	}
	err := exec(ctx, tx, "update deliveries set attempts = attempts + 1, reason = ?, run_at = ? where id = ?", o.Reason, at(o.Again), o.ID)
	if err == nil && o.Hold {
		err = hold(ctx, tx, o, now, given)
	}
	return err
}

// hold has everything for a host wait.
func hold(ctx context.Context, tx *sql.Tx, o Outcome, now, given time.Time) error {
	err := exec(ctx, tx, "update deliveries set run_at = ?1 where host = ?2 and run_at < ?1", at(o.Again), o.Host)
	if err != nil {
		return err
	}
	parked, err := lite.One(ctx, tx, lite.Value[bool], `insert into hosts (host, failing_at, parked, reason) values (?1, ?2, 0, ?3)
		on conflict (host) do update set reason = ?3, parked = failing_at < ?4 returning parked`, o.Host, at(now), o.Reason, at(given))
	if err != nil || !parked {
		return err
	}
	return exec(ctx, tx, "delete from deliveries where host = ?", o.Host)
}

// ForgetSent removes activities that were put on their way before a time, and have arrived.
func (s *Store) ForgetSent(ctx context.Context, before time.Time) error {
	return s.quietly(ctx, "forget what was sent", func(tx *sql.Tx) error {
		return exec(ctx, tx, "delete from outgoing where at < ? and not exists (select 1 from deliveries d where d.outgoing = outgoing.id)", at(before))
	})
}

// Host is a host that could not be reached lately.
type Host struct {
	Name      string
	FailingAt time.Time // since when
	Parked    bool      // nothing is sent until it speaks to us
	Reason    string
	Queued    int // deliveries that wait for it
}

// Hosts returns the hosts that could not be reached lately.
func (s *Store) Hosts(ctx context.Context) ([]Host, error) {
	return rows(ctx, s, "hosts", func(row lite.Scanner, h *Host) error {
		return row.Scan(&h.Name, (*lite.Stamp)(&h.FailingAt), &h.Parked, &h.Reason, &h.Queued)
	}, "select host, failing_at, parked, reason, (select count(*) from deliveries d where d.host = h.host) from hosts h")
}

// Retry has everything tried at once that waits, and gives hosts that were given up another
// chance.
func (s *Store) Retry(ctx context.Context, now time.Time) error {
	return s.quietly(ctx, "retry deliveries", func(tx *sql.Tx) error {
		if err := exec(ctx, tx, "delete from hosts where parked"); err != nil {
			return err
		}
		return exec(ctx, tx, "update deliveries set run_at = ?1 where run_at > ?1", at(now))
	})
}

// Queue returns how many deliveries are on their way, and how many of them failed before.
func (s *Store) Queue(ctx context.Context) (all, failed int, err error) {
	counts, err := row(ctx, s, "queue", func(row lite.Scanner, c *[2]int) error { return row.Scan(&c[0], &c[1]) },
		"select count(*), count(*) filter (where attempts > 0) from deliveries")
	return counts[0], counts[1], err
}
