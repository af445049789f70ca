package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/term"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/systemd"
)

type serveOptions struct {
	listen string
	local  bool
}

func newServe(a *app.App) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the pages and do the work that waits",
		Long: `Serves the channel and does the work of its jobs, until it gets SIGTERM or Ctrl-C: then it
finishes the requests it has and stops within ten seconds; jobs go on at the next start.

It speaks HTTPS with a certificate that it gets and renews by itself (see tubelet tls), or
plain HTTP to a proxy that holds the certificate, for example Caddy, whose whole
configuration is:

  video.example {
      reverse_proxy 127.0.0.1:8080
  }

With --local, or for a channel that was made with init --local, it serves this machine
alone and needs no domain. SIGHUP makes it read certificate and settings again. Under
systemd it takes over sockets for ports 443 and 80, says when it is ready, and feeds the
watchdog.`,
		Example: `  tubelet serve --local
  tubelet serve --listen 127.0.0.1:8080`,
		Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	c.Flags().StringVar(&o.listen, "listen", "", "`ADDR`ess to listen on, such as 127.0.0.1:8080 (default the setting listen)")
	c.Flags().BoolVar(&o.local, "local", false, "plain HTTP for this machine alone")
	line.Exits(c, exit.NotFound, exit.Conflict)
	return c
}

func (o serveOptions) run(ctx context.Context, a *app.App) error {
	s, err := a.Open(ctx)
	if missing, ok := errors.AsType[*exit.NoChannelError](err); ok {
		missing.Local = o.local
	}
	if err != nil {
		return err
	}
	defer s.Close()
	level := new(slog.LevelVar)
	format, err := s.Store.Setting(ctx, "log_format")
	if err != nil {
		return err
	}
	log := logger(a, level, format)
	manager, err := systemd.New(a.Getenv, os.Unsetenv)
	if err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	maker, err := s.Maker(ctx, log)
	if err != nil {
		return err
	}
	local := s.Site.Channel.Local
	if o.listen == "" && local && !o.local {
		// Made with --local, the channel has a setting of its own for this.
		if o.listen, err = s.Store.Setting(ctx, "listen"); err != nil {
			return err
		}
	}
	return server.Run(ctx, server.Config{
		Data: s.Data, Store: s.Store, Media: maker, Listen: o.listen, Local: local || o.local, Level: level, Seed: seedProcess,
		Manager: manager, Reload: reload,
		Ready: func(addr string) { listening(a, s, addr) }, Log: log,
	})
}

// logger logs to standard error: by itself text for people, JSON for what collects logs.
// The server sets its level.
func logger(a *app.App, level *slog.LevelVar, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" || format == "auto" && a.Term.ErrTTY {
		return slog.New(slog.NewTextHandler(a.Term.Err, options))
	}
	return slog.New(slog.NewJSONHandler(a.Term.Err, options))
}

// listening says where the pages are. A server whose output nobody reads serves all the same.
func listening(a *app.App, s *app.Session, addr string) {
	url := s.Site.Channel.Base() + "/"
	if a.JSON {
		_ = json.NewEncoder(a.Term.Out).Encode(wire.Listening{Event: "listening", Address: addr, URL: url})
		return
	}
	_ = a.Printf("Serving %s at %s (listening on %s)\n", term.Clean(s.Site.Channel.Name), url, addr)
}
