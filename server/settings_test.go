package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
)

// A running server takes changed settings over without a restart.
func TestHeedChanges(t *testing.T) {
	cfg := runConfig(t)
	cfg.Level = new(slog.LevelVar)
	run(t, cfg)
	set := func(key, value string) {
		t.Helper()
		if err := cfg.Store.SetSetting(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s was not taken over", what)
			}
		}
	}
	level := func(want slog.Level) func() bool {
		return func() bool { return cfg.Level.Level() == want }
	}
	set("log_level", "debug")
	until("log_level debug", level(slog.LevelDebug))
	set("log_level", "error")
	until("log_level error", level(slog.LevelError))

	// With fewer threads the same work is expected to take longer.
	src := media.Source{Width: 1280, Height: 720, FPS: 25, Duration: time.Hour, VideoLength: time.Hour, HasVideo: true, VideoCodec: "mpeg4"}
	seconds := func() float64 { return cfg.Media.Plan(src, 720).Seconds }
	set("threads", "8")
	until("threads 8", func() bool { return seconds() > 0 })
	if err := cfg.heed(t.Context()); err != nil {
		t.Fatal(err)
	}
	eight := seconds()
	set("threads", "1")
	until("threads 1", func() bool { return seconds() > 4*eight })
}
