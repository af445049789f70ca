package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
