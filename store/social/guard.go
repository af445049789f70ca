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

// Block stops hearing a host or an actor: what they wrote, liked and followed goes. A mute
// leaves followers alone.
func (s *Store) Block(ctx context.Context, b Block) error {
	return s.shown(ctx, "block", func(tx *sql.Tx) error {
		err := exec(ctx, tx, `insert into blocks (target, mute, note, at) values (?1, ?2, ?3, ?4)
			on conflict (target) do update set mute = ?2, note = ?3, at = ?4`, b.Target, b.Mute, b.Note, at(b.At))
		if err != nil {
			return err
		}
		whose := "host = ?"
		if strings.HasPrefix(b.Target, "@") {
			whose = "acct = ?"
		}
		if b.Mute {
			return exec(ctx, tx, "update comments set state = 'hidden' where actor in (select id from actors where "+whose+")", b.Target)
		}
		if err := exec(ctx, tx, "delete from deliveries where host = ?", b.Target); err != nil {
			return err
		}
		return exec(ctx, tx, "delete from actors where "+whose, b.Target)
	})
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
	targets := []any{acct, host, "", "", "", ""}
	for i, rest := 2, host; i < len(targets); i++ {
		_, above, found := strings.Cut(rest, ".")
		if !found || !strings.Contains(above, ".") {
			break
		}
		targets[i], rest = above, above
	}
	return row(ctx, s, "block", scanBlock, "select target, mute, note, at from blocks where target in (?, ?, ?, ?, ?, ?) order by mute limit 1", targets...)
}

// Quote is a quote of a video that was allowed, FEP-044f.
type Quote struct {
	ID    int64
	Quote string // id of the quoting object
	Actor string
	Video string
}

// AllowQuote remembers that a quote was allowed and returns its number.
func (s *Store) AllowQuote(ctx context.Context, q Quote, now time.Time) (id int64, err error) {
	err = s.quietly(ctx, "allow quote", func(tx *sql.Tx) error {
		id, err = lite.One(ctx, tx, lite.Value[int64], `insert into quotes (quote, actor, video, at) values (?1, ?2, ?3, ?4)
			on conflict (quote) do update set at = at returning id`, q.Quote, q.Actor, q.Video, at(now))
		return err
	})
	return id, err
}

// Quote returns an allowed quote, or lite.ErrNotFound.
func (s *Store) Quote(ctx context.Context, id int64) (Quote, error) {
	return row(ctx, s, "quote", func(row lite.Scanner, q *Quote) error { return row.Scan(&q.ID, &q.Quote, &q.Actor, &q.Video) },
		"select id, quote, actor, video from quotes where id = ?", id)
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
