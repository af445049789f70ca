package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/cli/wire"
	"github.com/tubelet/tubelet/server/health"
	"github.com/tubelet/tubelet/store"
)

func newHealth(a *app.App) *cobra.Command {
	c := &cobra.Command{
		Use: "health", Short: "Ask the running server whether all is well",
		Long: `Asks the server of this machine whether it can do its work: exit code 0 when it can, 1 when it
is degraded, or when none runs. For containers and monitors; tubelet doctor says more.`,
		Example: "  tubelet health", Args: line.Words(),
		RunE: func(c *cobra.Command, _ []string) error { return runHealth(c.Context(), a) },
	}
	line.Exits(c, exit.NotFound)
	return c
}

func runHealth(ctx context.Context, a *app.App) error {
	s, err := a.Look(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	out := wire.Health{Schema: wire.Schema, State: "ok", Problems: []string{}}
	status, text, err := ready(ctx, s)
	switch {
	case err != nil:
		out.State = "down"
		out.Problems = append(out.Problems, err.Error())
	case status != http.StatusOK:
		out.State = "degraded"
		out.Problems = append(out.Problems, strings.Split(strings.TrimPrefix(text, "degraded: "), ", ")...)
	}
	err = a.Answer(out, func() error {
		return a.Printf("%s\n", strings.TrimSuffix(out.State+": "+strings.Join(out.Problems, ", "), ": "))
	})
	if err == nil && out.State != "ok" {
		err = errors.New("the server is " + out.State)
	}
	return err
}

const healthTime = 10 * time.Second

// ready asks the server where it listens. Its certificate does not matter for that: what is
// asked is whether this machine's server works, and nothing secret is said.
func ready(ctx context.Context, s *app.Session) (int, string, error) {
	scheme, addr, err := health.Find(s.Data)
	if errors.Is(err, store.ErrNotFound) {
		return 0, "", errors.New("no server has run on " + s.Data)
	}
	if err != nil {
		return 0, "", err
	}
	domain := s.Site.Channel.Domain
	if host, _, err := net.SplitHostPort(domain); err == nil {
		domain = host
	}
	client := &http.Client{Timeout: healthTime, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{ServerName: domain, InsecureSkipVerify: true}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+domain+"/readyz", nil)
	if err != nil {
		return 0, "", fmt.Errorf("ask the server: %w", err)
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, "", fmt.Errorf("no server answers: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err != nil {
		return 0, "", fmt.Errorf("ask the server: %w", err)
	}
	return res.StatusCode, strings.TrimSpace(string(text)), nil
}
