package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// renditionColumns is what renditionFields takes, of the table renditions named r.
const renditionColumns = `r.height, r.language, r.file, r.playlist, r.bytes, r.width, r.pixels, r.fps, r.codecs,
	r.bandwidth, r.average, r.copied, r.infohash, r.pieces`

func renditionFields(r *Rendition) []any {
	return []any{&r.Height, &r.Language, &r.File, &r.Playlist, &r.Bytes, &r.Width, &r.PixHeight, &r.FPS,
		&r.Codecs, &r.Bandwidth, &r.Average, &r.Copied, &r.Infohash, &r.Pieces}
}

// addRenditions gives videos the renditions of the revision they serve, highest first.
func addRenditions(ctx context.Context, q lite.Querier, ids string, at map[string]*Video) error {
	_, err := lite.All(ctx, q, func(row lite.Scanner, _ *struct{}) error {
		var id string
		var r Rendition
		if err := row.Scan(append(renditionFields(&r), &id)...); err != nil {
			return err
		}
		m := &at[id].Media
		m.Renditions = append(m.Renditions, r)
		return nil
	}, "select "+renditionColumns+`, v.id from json_each(?) j join videos v on v.id = j.value
		join renditions r on r.video = v.id and r.rev = v.rev order by r.height desc, r.language`, ids)
	return err
}

// AddRenditions records finished renditions and adds the next jobs. The first one that
// plays makes the revision watchable and the one that is served, with everything that
// follows: the video may become published, and older revisions become obsolete together
// with what was still to be done for them. done says that none is missing any more. For a
// revision that was given up it is ErrNotFound: who cancels is obeyed.
func (s *Store) AddRenditions(ctx context.Context, id string, rev int, list []Rendition, done bool, jobs []Job) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := lite.One(ctx, tx, lite.Value[int], "select 1 from media where video = ? and rev = ? and state <> 'failed'", id, rev)
		if err != nil {
			return err
		}
		if err := recordRenditions(ctx, tx, id, rev, list, done); err != nil {
			return err
		}
		return addJobs(ctx, tx, jobs)
	})
	if err != nil {
		return fmt.Errorf("add renditions to %s/%d: %w", id, rev, err)
	}
	return nil
}

// DropRenditions forgets renditions whose files are lost, so that nobody is sent to them, and
// adds the jobs that make them again. Until these are done the revision counts as unfinished.
func (s *Store) DropRenditions(ctx context.Context, ref MediaRef, list []Rendition, jobs []Job) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, r := range list {
			err := lite.Changed(ctx, tx, "delete from renditions where video = ? and rev = ? and height = ? and language = ?",
				ref.Video, ref.Rev, r.Height, r.Language)
			if err != nil && err != ErrNotFound {
				return err
			}
		}
		if len(jobs) > 0 {
			err := changeMedia(ctx, tx, ref.Video, ref.Rev, `error = '', state = iif(exists (select 1 from renditions r
				where r.video = media.video and r.rev = media.rev and r.language = ''), 'watchable', 'processing')`)
			if err != nil {
				return err
			}
		}
		return addJobs(ctx, tx, jobs)
	})
	if err != nil {
		return fmt.Errorf("drop renditions of %s/%d: %w", ref.Video, ref.Rev, err)
	}
	return nil
}

// recordRenditions stores renditions and draws the consequences for the media's state.
func recordRenditions(ctx context.Context, tx *sql.Tx, id string, rev int, list []Rendition, done bool) error {
	for _, r := range list {
		// The same one again comes from a job that was killed between making and recording.
		_, err := tx.ExecContext(ctx, `insert or replace into renditions (video, rev, height, language, file, playlist,
			bytes, width, pixels, fps, codecs, bandwidth, average, copied, infohash, pieces)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			id, rev, r.Height, r.Language, r.File, r.Playlist, r.Bytes, r.Width, r.PixHeight, r.FPS,
			r.Codecs, r.Bandwidth, r.Average, r.Copied, r.Infohash, r.Pieces)
		if err != nil {
			return err
		}
	}
	// An alternative audio track plays only beside something else.
	main, err := lite.One(ctx, tx, lite.Value[int], "select count(*) from renditions where video = ? and rev = ? and language = ''", id, rev)
	if err != nil {
		return err
	}
	if main == 0 {
		if done {
			return errors.New("done, and nothing plays")
		}
		return nil
	}
	state := Watchable
	if done {
		state = Done
	}
	if _, err := tx.ExecContext(ctx, "update media set state = ?, error = '' where video = ? and rev = ?", state, id, rev); err != nil {
		return err
	}
	return serve(ctx, tx, id, rev, time.Now())
}

// serve makes a watchable revision the one that is served, unless a newer one is already.
func serve(ctx context.Context, tx *sql.Tx, id string, rev int, now time.Time) error {
	_, err := tx.ExecContext(ctx, "update videos set rev = max(rev, ?), updated_at = ? where id = ?", rev, lite.Stamp(now), id)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update jobs set state = 'failed', reason = 'replaced by a newer file', updated_at = ?
		where video = ? and rev > 0 and rev < ? and state in ('queued', 'running', 'waiting')`, lite.Stamp(now), id, rev)
	if err != nil {
		return err
	}
	_, err = settle(ctx, tx, id, now)
	return err
}

// units are what a rate or an amount may be followed by, in bytes. Bits are what providers
// count lines in, bytes what they count months in.
func units() map[string]float64 {
	return map[string]float64{
		"kbit": 1e3 / 8, "mbit": 1e6 / 8, "gbit": 1e9 / 8, "kbps": 1e3 / 8, "mbps": 1e6 / 8, "gbps": 1e9 / 8,
		"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
	}
}

// TopRate returns the highest rendition up to a height, and what such ones take on average, in
// bits a second. Without any both are 0.
func (s *Store) TopRate(ctx context.Context, most int) (height int, bits int64, err error) {
	err = s.db.Read(ctx, func(q lite.Querier) error {
		_, err := lite.One(ctx, q, func(row lite.Scanner, _ *struct{}) error { return row.Scan(&height, &bits) },
			`select coalesce(max(height), 0), coalesce(cast(avg(average) as integer), 0) from renditions
			where height = (select max(height) from renditions where height <= ?)`, most)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("find the rate of the renditions: %w", err)
	}
	return height, bits, nil
}

// ParseBytes reads an amount such as "2TB", or a rate such as "20Mbit" in bytes a second.
// "none", "0" and "" are 0, which stands for no limit.
func ParseBytes(text string) (int64, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimSuffix(text, "/s")
	if text == "" || text == "none" || text == "0" {
		return 0, nil
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.ParseFloat(digits, 64)
	unit, known := units()[strings.TrimSpace(text[len(digits):])]
	if err != nil || !known || !(n > 0) || n*unit < 1 || n*unit > math.MaxInt64/4 {
		return 0, fmt.Errorf("%q: %w", text, ErrInvalid)
	}
	return int64(n * unit), nil
}

// least is the lowest rate that still shows a film to somebody.
const least = 100e3 / 8

func rate(v string) error {
	if n, err := ParseBytes(v); err != nil || n != 0 && n < least {
		return errors.New("it is a rate such as 20Mbit or 2.5MB, at least 100kbit, or none")
	}
	return nil
}

func amount(v string) error {
	if n, err := ParseBytes(v); err != nil || n != 0 && n < 1e6 || strings.Contains(strings.ToLower(v), "bit") {
		return errors.New("it is an amount such as 500GB or 2TB, at least 1MB, or none")
	}
	return nil
}

// orWord is a rule that allows a word besides.
func orWord(word string, r rule) rule {
	return rule{check: func(v string) error {
		if v == word {
			return nil
		}
		return r.check(v)
	}}
}
