package fediverse

import (
	"context"
	"log/slog"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/server/prose"
	"github.com/tubelet/tubelet/store"
)

// Hand returns the channel's part of the fediverse for a command: it writes what is to be said,
// and the server sends it.
func Hand(ctx context.Context, data string, db *store.Store) (*fed.Fed, error) {
	channel, err := db.Channel(ctx)
	if err != nil {
		return nil, err
	}
	private, err := Networks(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := ensureKey(data, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return fed.New(ctx, fed.Config{Data: data, Store: db, Local: channel.Local, Version: "cli", Prose: Prose(prose.New(), channel), Private: private})
}
