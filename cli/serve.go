package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server"
)

type serveOptions struct {
	listen string
	local  bool
}

func newServe(a *app) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the pages and do the work that waits",
		Long: `Serves the channel and does the work of its jobs, until it gets SIGTERM or Ctrl-C: then it
finishes the requests it has and stops within ten seconds; jobs go on at the next start.

It speaks plain HTTP and belongs behind a proxy that holds the certificate, for example
Caddy, whose whole configuration is:

  video.example {
      reverse_proxy 127.0.0.1:8080
  }

With --local, or for a channel that was made with init --local, it serves this machine
alone and needs no domain.`,
		Example: `  tubelet serve --local
  tubelet serve --listen 127.0.0.1:8080`,
		Args: words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	c.Flags().StringVar(&o.listen, "listen", "", "`ADDR`ess to listen on, such as 127.0.0.1:8080 (default the setting listen)")
	c.Flags().BoolVar(&o.local, "local", false, "plain HTTP for this machine alone")
	exits(c, exit.NotFound, exit.Conflict)
	return c
}

func (o serveOptions) run(ctx context.Context, a *app) error {
	s, err := a.open(ctx)
	if missing, ok := errors.AsType[*exit.NoChannelError](err); ok {
		missing.Local = o.local
	}
	if err != nil {
		return err
	}
	defer s.close()
	level := new(slog.LevelVar)
	log := a.logger(level)
	maker, err := s.maker(ctx, log)
	if err != nil {
		return err
	}
	local := s.site.Channel.Local
	if o.listen == "" && local && !o.local {
		// Made with --local, the channel has a setting of its own for this.
		if o.listen, err = s.store.Setting(ctx, "listen"); err != nil {
			return err
		}
	}
	return server.Run(ctx, server.Config{
		Data: s.data, Store: s.store, Media: maker, Listen: o.listen, Local: local || o.local, Level: level,
		Ready: func(addr string) { a.listening(s, addr) }, Log: log,
	})
}

// logger logs to standard error: text for people, JSON for what collects logs.
// The server sets its level.
func (a *app) logger(level *slog.LevelVar) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if a.term.ErrTTY {
		return slog.New(slog.NewTextHandler(a.term.Err, options))
	}
	return slog.New(slog.NewJSONHandler(a.term.Err, options))
}

// listening says where the pages are. A server whose output nobody reads serves all the same.
func (a *app) listening(s *session, addr string) {
	url := s.site.Channel.Base() + "/"
	if a.json {
		_ = json.NewEncoder(a.term.Out).Encode(wire.Listening{Event: "listening", Address: addr, URL: url})
		return
	}
	_ = a.printf("Serving %s at %s (listening on %s)\n", term.Clean(s.site.Channel.Name), url, addr)
}
