package social

import (
	"context"
	"database/sql"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Told is what others were told about a video. It outlives the video, as its tombstone.
type Told struct {
	Video    string
	Gone     bool
	Pinned   bool      // that it is pinned, as far as others were told
	Says     string    // checksum of what the creator said
	Media    string    // checksum of the rest
	EditedAt time.Time // "updated" of the object
	ToldAt   time.Time
}

func scanTold(row lite.Scanner, t *Told) error {
	return row.Scan(&t.Video, &t.Gone, &t.Pinned, &t.Says, &t.Media, (*lite.Stamp)(&t.EditedAt), (*lite.Stamp)(&t.ToldAt))
}

// News is a video about which others may have to hear something new.
type News struct {
	Video   string
	At      time.Time // of the change
	Changes int64     // how many there were
}

// News returns the news.
func (s *Store) News(ctx context.Context) ([]News, error) {
	return rows(ctx, s, "news", func(row lite.Scanner, n *News) error { return row.Scan(&n.Video, (*lite.Stamp)(&n.At), &n.Changes) },
		"select video, at, changes from news order by at")
}

// Told returns what was told about a video, or lite.ErrNotFound.
func (s *Store) Told(ctx context.Context, video string) (Told, error) {
	return row(ctx, s, "what was told", scanTold, "select video, gone, pinned, says, media, edited_at, told_at from told where video = ?", video)
}

// Tell records what is told about a video now, puts the activities that say it on their way,
// and takes the news off, all at once. News that came meanwhile stay.
func (s *Store) Tell(ctx context.Context, n News, t Told, out ...Outgoing) error {
	return s.quietly(ctx, "tell", func(tx *sql.Tx) error {
		err := exec(ctx, tx, `insert into told (video, gone, says, media, edited_at, told_at) values (?1, ?2, ?3, ?4, ?5, ?6)
			on conflict (video) do update set gone = ?2, says = ?3, media = ?4, edited_at = ?5, told_at = ?6, pinned = pinned and not ?2`,
			t.Video, t.Gone, t.Says, t.Media, at(t.EditedAt), at(t.ToldAt))
		if err != nil {
			return err
		}
		for _, o := range out {
			if err := send(ctx, tx, o, t.ToldAt); err != nil {
				return err
			}
		}
		return heard(ctx, tx, n)
	})
}

// ToldPinned returns how many videos others take for pinned.
func (s *Store) ToldPinned(ctx context.Context) (int, error) {
	return row(ctx, s, "what is pinned", lite.Value[int], "select count(*) from told where pinned = 1")
}

// TellPinned records that others are told whether a video is pinned, and puts the activities that
// say it on their way.
func (s *Store) TellPinned(ctx context.Context, video string, pinned bool, now time.Time, out ...Outgoing) error {
	return s.quietly(ctx, "tell of a pin", func(tx *sql.Tx) error {
		if err := lite.Changed(ctx, tx, "update told set pinned = ? where video = ?", pinned, video); err != nil {
			return err
		}
		for _, o := range out {
			if err := send(ctx, tx, o, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// Heard takes news off about which there is nothing to tell.
func (s *Store) Heard(ctx context.Context, n News) error {
	return s.quietly(ctx, "clear news", func(tx *sql.Tx) error { return heard(ctx, tx, n) })
}

func heard(ctx context.Context, tx *sql.Tx, n News) error {
	return exec(ctx, tx, "delete from news where video = ? and changes = ?", n.Video, n.Changes)
}
