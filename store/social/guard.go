package social

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Block is whom the creator does not want to hear.
type Block struct {
	Target string // host, or @user@host
	Mute   bool   // only not shown; a block is also not spoken to
	Note   string
	At     time.Time
}

func scanBlock(row lite.Scanner, b *Block) error {
	return row.Scan(&b.Target, &b.Mute, &b.Note, (*lite.Stamp)(&b.At))
}

// Block stops hearing a host or an actor: what they wrote, liked, quoted and followed goes, and what
// the creator did with what is theirs, which is returned. A mute only hides what they wrote.
func (s *Store) Block(ctx context.Context, b Block) (undone []Deed, err error) {
	err = s.shown(ctx, "block", func(tx *sql.Tx) error {
		err := exec(ctx, tx, `insert into blocks (target, mute, note, at) values (?1, ?2, ?3, ?4)
			on conflict (target) do update set mute = ?2, note = ?3, at = ?4`, b.Target, b.Mute, b.Note, at(b.At))
		if err != nil {
			return err
		}
		if strings.HasPrefix(b.Target, "@") {
			undone, err = silence(ctx, tx, b, "acct = ?", b.Target)
			return err
		}
		hosts, err := hostsBelow(ctx, tx, b.Target)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			deeds, err := silence(ctx, tx, b, "host = ?", host)
			if err != nil {
				return err
			}
			undone = append(undone, deeds...)
		}
		return nil
	})
	return undone, err
}

// silence removes what actors did and what was done with theirs, or, of those who are muted, hides
// what they wrote.
func silence(ctx context.Context, tx *sql.Tx, b Block, whose, who string) ([]Deed, error) {
	if b.Mute {
		return nil, exec(ctx, tx, "update comments set state = 'hidden' where actor in (select id from actors where "+whose+")", who)
	}
	undone, err := lite.All(ctx, tx, scanDeed, "select "+deedColumns+"where d."+whose, who)
	if err != nil {
		return nil, err
	}
	for _, query := range []string{
		"delete from deeds where " + whose,
		"delete from quotes where actor in (select uri from actors where " + whose + ")",
		"delete from deliveries where host = ?",
		"delete from actors where " + whose,
	} {
		if err := exec(ctx, tx, query, who); err != nil {
			return nil, err
		}
	}
	return undone, nil
}

// hostsBelow returns the hosts that we know within a domain: those with actors, from one to the
// next by the index, those for which something waits, and those of whom the creator likes something.
func hostsBelow(ctx context.Context, tx *sql.Tx, domain string) ([]string, error) {
	return lite.All(ctx, tx, lite.Value[string], `with recursive known (host) as (
			select min(host) from actors
			union all select (select min(a.host) from actors a where a.host > known.host) from known where known.host is not null),
		waiting (host) as (
			select min(host) from deliveries
			union all select (select min(d.host) from deliveries d where d.host > waiting.host) from waiting where waiting.host is not null)
		select host from deeds where host = ?1 or substr(host, -length(?1) - 1) = '.' || ?1
		union select host from known where host = ?1 or substr(host, -length(?1) - 1) = '.' || ?1
		union select host from waiting where host = ?1 or substr(host, -length(?1) - 1) = '.' || ?1`, domain)
}

// Unblock hears a host or an actor again. lite.ErrNotFound means that there was no block.
func (s *Store) Unblock(ctx context.Context, target string) error {
	return s.quietly(ctx, "unblock", func(tx *sql.Tx) error { return lite.Changed(ctx, tx, "delete from blocks where target = ?", target) })
}

// Blocks returns all blocks and mutes.
func (s *Store) Blocks(ctx context.Context) ([]Block, error) {
	return rows(ctx, s, "blocks", scanBlock, "select target, mute, note, at from blocks order by target")
}

// Blocked returns the block or mute that an actor falls under: its own, that of its host, or of
// a domain above it. lite.ErrNotFound means none.
func (s *Store) Blocked(ctx context.Context, acct, host string) (Block, error) {
	targets := append([]any{acct}, domains(host)...)
	return row(ctx, s, "block", scanBlock, "select target, mute, note, at from blocks where target in (?, ?, ?, ?, ?, ?) order by mute limit 1", targets...)
}

// domains returns a host and up to four domains above it, none of one label: five values for
// a query, the rest empty.
func domains(host string) []any {
	list := []any{host, "", "", "", ""}
	for i, rest := 1, host; i < len(list); i++ {
		_, above, found := strings.Cut(rest, ".")
		if !found || !strings.Contains(above, ".") {
			break
		}
		list[i], rest = above, above
	}
	return list
}

// Quote is a quote that was allowed, FEP-044f.
type Quote struct {
	ID      int64
	Quote   string // id of the quoting object
	Actor   string
	Video   string
	Comment int64 // of the creator's, under the video; 0: the video itself
}

// AllowQuote remembers that a quote was allowed and returns its number. lite.ErrNotFound means
// that the quoting object is another actor's.
func (s *Store) AllowQuote(ctx context.Context, q Quote, now time.Time) (id int64, err error) {
	err = s.quietly(ctx, "allow quote", func(tx *sql.Tx) error {
		id, err = lite.One(ctx, tx, lite.Value[int64], `insert into quotes (quote, actor, video, comment, at) values (?1, ?2, ?3, nullif(?4, 0), ?5)
			on conflict (quote) do update set video = ?3, comment = nullif(?4, 0) where actor = ?2 returning id`, q.Quote, q.Actor, q.Video, q.Comment, at(now))
		return err
	})
	return id, err
}

// Quote returns an allowed quote, or lite.ErrNotFound.
func (s *Store) Quote(ctx context.Context, id int64) (Quote, error) {
	return row(ctx, s, "quote", func(row lite.Scanner, q *Quote) error {
		return row.Scan(&q.ID, &q.Quote, &q.Actor, &q.Video, &q.Comment)
	},
		"select id, quote, actor, video, coalesce(comment, 0) from quotes where id = ?", id)
}

// ForgetQuote takes an allowance back, when the quote is gone.
func (s *Store) ForgetQuote(ctx context.Context, quote, actor string) error {
	return s.quietly(ctx, "forget quote", func(tx *sql.Tx) error {
		return exec(ctx, tx, "delete from quotes where quote = ? and actor = ?", quote, actor)
	})
}

// Report is a report by somebody elsewhere, for the creator to read.
type Report struct {
	ID     int64
	Actor  string
	Object string
	Text   string
	At     time.Time
}

// maxReports is how many reports are kept: strangers write them.
const maxReports = 1000

// AddReport stores a report. The oldest beyond maxReports go.
func (s *Store) AddReport(ctx context.Context, r Report) error {
	return s.quietly(ctx, "store report", func(tx *sql.Tx) error {
		err := exec(ctx, tx, "insert into reports (actor, object, text, at) values (?, ?, ?, ?)", r.Actor, r.Object, r.Text, at(r.At))
		if err != nil {
			return err
		}
		return exec(ctx, tx, "delete from reports where id <= last_insert_rowid() - ?", maxReports)
	})
}

// Reports returns the latest reports.
func (s *Store) Reports(ctx context.Context, limit int) ([]Report, error) {
	return rows(ctx, s, "reports", func(row lite.Scanner, r *Report) error {
		return row.Scan(&r.ID, &r.Actor, &r.Object, &r.Text, (*lite.Stamp)(&r.At))
	}, "select id, actor, object, text, at from reports order by id desc limit ?", limit)
}
