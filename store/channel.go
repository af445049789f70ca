package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/tubelet/tubelet/store/lite"
)

// Channel returns the channel, or ErrNotFound before there is one.
func (s *Store) Channel(ctx context.Context) (Channel, error) {
	var c Channel
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		c, err = lite.One(ctx, q, scanChannel, `select handle, domain, local, name, description, language,
			avatar, banner, links, created_at from channel where id = 1`)
		return err
	})
	if err != nil {
		return Channel{}, fmt.Errorf("load channel: %w", err)
	}
	return c, nil
}

func scanChannel(row lite.Scanner, c *Channel) error {
	var links []byte
	err := row.Scan(&c.Handle, &c.Domain, &c.Local, &c.Name, &c.Description, &c.Language,
		&c.Avatar, &c.Banner, &links, (*lite.Stamp)(&c.CreatedAt))
	if err != nil {
		return err
	}
	return json.Unmarshal(links, &c.Links)
}

// CreateChannel makes the channel. There is one; a second is ErrExists.
func (s *Store) CreateChannel(ctx context.Context, c Channel) error {
	links, err := encodeLinks(c.Links)
	if err != nil {
		return fmt.Errorf("create channel: %w", err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into channel (id, handle, domain, local, name, description,
			language, avatar, banner, links, created_at) values (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Handle, c.Domain, c.Local, c.Name, c.Description, c.Language, c.Avatar, c.Banner,
			links, lite.Stamp(orNow(c.CreatedAt)))
		if lite.Taken(err) {
			return ErrExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create channel: %w", err)
	}
	return nil
}

// UpdateChannel stores everything of the channel but its handle, domain and time of
// making, which are part of its addresses and never change.
func (s *Store) UpdateChannel(ctx context.Context, c Channel) error {
	links, err := encodeLinks(c.Links)
	if err != nil {
		return fmt.Errorf("update channel: %w", err)
	}
	return s.change(ctx, "update channel", `update channel set name = ?, description = ?, language = ?,
		avatar = ?, banner = ?, links = ? where id = 1`,
		c.Name, c.Description, c.Language, c.Avatar, c.Banner, links)
}

func encodeLinks(links []Link) (string, error) {
	if len(links) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(links)
	return string(text), err
}
