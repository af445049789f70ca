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
		where not exists (select 1 from hosts where host = ?3 and parked) and not exists (select 1 from blocks where target = ?3 and not mute)
		on conflict (outgoing, inbox) do nothing`, id, r.Inbox, r.Host, at(now))
}

// Lanes returns the hosts for which deliveries wait: first those that were reached when last
// tried, of each kind those first that waited longest.
func (s *Store) Lanes(ctx context.Context) ([]Lane, error) {
	// From host to host by the index, however much waits for each.
	return rows(ctx, s, "lanes", scanLane, `with recursive lanes (host) as (
			select min(host) from deliveries
			union all select (select min(d.host) from deliveries d where d.host > lanes.host) from lanes where lanes.host is not null)
		select host, (select min(d.run_at) from deliveries d where d.host = lanes.host) as due
		from lanes where host is not null order by exists (select 1 from hosts h where h.host = lanes.host), due`)
}

// Due returns the oldest delivery to a host whose time has come, or lite.ErrNotFound.
func (s *Store) Due(ctx context.Context, host string, now time.Time) (Delivery, error) {
	return row(ctx, s, "delivery", func(row lite.Scanner, d *Delivery) error {
		var body string
		err := row.Scan(&d.ID, &d.Inbox, &d.Host, &d.Attempts, &d.By, &body)
		d.Body = []byte(body)
		return err
	}, `select d.id, d.inbox, d.host, d.attempts, o.by, o.body from deliveries d cross join outgoing o on o.id = d.outgoing
		where d.host = ? and d.run_at <= ? order by d.run_at, d.id limit 1`, host, at(now))
}

// Delivered takes deliveries that arrived, or never will, off the list, and their hosts off
// the list of those that fail.
func (s *Store) Delivered(ctx context.Context, ids []int64, hosts []string) error {
	return s.quietly(ctx, "record deliveries", func(tx *sql.Tx) error {
		for _, id := range ids {
			if err := exec(ctx, tx, "delete from deliveries where id = ?", id); err != nil {
				return err
			}
		}
		for _, host := range hosts {
			if err := exec(ctx, tx, "delete from hosts where host = ?", host); err != nil {
				return err
			}
		}
		return nil
	})
}

// Undelivered records a failed attempt: again at when, and the host has been failing.
func (s *Store) Undelivered(ctx context.Context, d Delivery, reason string, when, now time.Time) error {
	return s.quietly(ctx, "record a failed delivery", func(tx *sql.Tx) error {
		err := exec(ctx, tx, "update deliveries set attempts = attempts + 1, reason = ?, run_at = ? where id = ?", reason, at(when), d.ID)
		if err != nil {
			return err
		}
		return exec(ctx, tx, "insert into hosts (host, failing_at, parked, reason) values (?1, ?2, 0, ?3) on conflict (host) do update set reason = ?3",
			d.Host, at(now), reason)
	})
}

// Postpone has everything for a host wait, since it asked for that or does not answer.
func (s *Store) Postpone(ctx context.Context, host string, until time.Time) error {
	return s.quietly(ctx, "postpone deliveries", func(tx *sql.Tx) error {
		return exec(ctx, tx, "update deliveries set run_at = ?1 where host = ?2 and run_at < ?1", at(until), host)
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

// Park gives a host up: what waits for it is dropped, and nothing more is put on its way.
func (s *Store) Park(ctx context.Context, host string) error {
	return s.quietly(ctx, "park host", func(tx *sql.Tx) error {
		if err := exec(ctx, tx, "update hosts set parked = 1 where host = ?", host); err != nil {
			return err
		}
		return exec(ctx, tx, "delete from deliveries where host = ?", host)
	})
}

// Revive takes a host off the list of those that fail: it spoke to us.
func (s *Store) Revive(ctx context.Context, host string) error {
	return s.quietly(ctx, "revive host", func(tx *sql.Tx) error { return exec(ctx, tx, "delete from hosts where host = ?", host) })
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
