package social

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// Standing is where the channel's own actor stands among others.
type Standing struct {
	Aliases []string  // actors that may move here
	Moved   string    // actor that the channel moved to
	Retired time.Time // since when there is no channel any more
}

// The keys of the settings that hold it. They are set by commands of their own, since each of
// them is told to others.
const (
	aliasesKey = "fed.aliases"
	movedKey   = "fed.moved"
	retiredKey = "fed.retired"
)

// Standing returns where the channel stands.
func (s *Store) Standing(ctx context.Context) (Standing, error) {
	pairs, err := rows(ctx, s, "standing", func(row lite.Scanner, p *[2]string) error { return row.Scan(&p[0], &p[1]) },
		"select key, value from settings where key in (?, ?, ?)", aliasesKey, movedKey, retiredKey)
	var standing Standing
	for _, pair := range pairs {
		switch pair[0] {
		case aliasesKey:
			standing.Aliases = strings.Fields(pair[1])
		case movedKey:
			standing.Moved = pair[1]
		case retiredKey:
			standing.Retired, err = time.Parse(time.RFC3339, pair[1])
		}
	}
	return standing, err
}

// AddAlias lets an actor move here.
func (s *Store) AddAlias(ctx context.Context, actor string) error {
	standing, err := s.Standing(ctx)
	if err != nil || slices.Contains(standing.Aliases, actor) {
		return err
	}
	return s.set(ctx, aliasesKey, strings.Join(append(standing.Aliases, actor), "\n"))
}

// SetMoved records that the channel moved to another actor.
func (s *Store) SetMoved(ctx context.Context, actor string) error { return s.set(ctx, movedKey, actor) }

// Retire records that the channel has ended.
func (s *Store) Retire(ctx context.Context, now time.Time) error {
	return s.set(ctx, retiredKey, now.UTC().Format(time.RFC3339))
}

func (s *Store) set(ctx context.Context, key, value string) error {
	return s.shown(ctx, "change standing", func(tx *sql.Tx) error {
		return exec(ctx, tx, "insert into settings (key, value) values (?1, ?2) on conflict (key) do update set value = ?2", key, value)
	})
}
