package server

import (
	"context"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/server/work"
)

// heedEvery is how soon a changed setting is taken over where no job begins.
const heedEvery = time.Second

// heed takes over the settings that a running server obeys: how renditions are made, and
// what is logged. It is called before each job, so that a job begins as was last said.
func (cfg Config) heed(ctx context.Context) error {
	if cfg.Level != nil {
		text, err := cfg.Store.Setting(ctx, "log_level")
		if err != nil {
			return err
		}
		if err := cfg.Level.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("read setting log_level: %w", err)
		}
	}
	return work.Tune(ctx, cfg.Store, cfg.Media)
}

// heedChanges calls heed after commits. A setting that cannot be read now is read again.
func (cfg Config) heedChanges(ctx context.Context) error {
	tick := time.NewTicker(heedEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		version, err := cfg.Store.DataVersion(ctx)
		if err == nil && version != seen {
			if err = cfg.heed(ctx); err == nil {
				seen = version
			}
		}
		if err != nil && ctx.Err() == nil {
			cfg.Log.Warn("settings not taken over", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
