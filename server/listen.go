package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/tubelet/tubelet/store"
)

// localAddress is where a local server listens when nothing else is said.
const localAddress = "127.0.0.1:8080"

// Limits of connections. There is no time limit on a whole answer, since a film takes
// as long as it takes; each write has its own (see gate.go and package files).
const (
	headerTime  = 8 * time.Second
	idleTime    = 60 * time.Second
	headerBytes = 28 << 10 // net/http adds 4 KiB
	streams     = 100      // at once on one HTTP/2 connection
)

// listen opens the address that cfg and the channel ask for.
func listen(ctx context.Context, cfg Config, channel store.Channel) (net.Listener, error) {
	addr, err := address(ctx, cfg, channel)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if host, _, err := net.SplitHostPort(l.Addr().String()); cfg.TLS == nil && err == nil && !loopback(host) {
		cfg.Log.Warn("plain HTTP is open to other machines", "address", l.Addr().String())
	}
	return l, nil
}

func address(ctx context.Context, cfg Config, channel store.Channel) (string, error) {
	if cfg.Listen != "" {
		return cfg.Listen, nil
	}
	if cfg.Local {
		if host, port, err := net.SplitHostPort(channel.Domain); err == nil && loopback(host) {
			return net.JoinHostPort(host, port), nil
		}
		return localAddress, nil
	}
	addr, err := cfg.Store.Setting(ctx, "listen")
	if err != nil {
		return "", fmt.Errorf("find the address to listen on: %w", err)
	}
	if _, port, err := net.SplitHostPort(addr); cfg.TLS == nil && err == nil && (port == "443" || port == "https") {
		return "", fmt.Errorf("listen on %s: HTTPS needs a certificate: listen on an address such as %s "+
			"behind a proxy that does HTTPS, or serve with --local to try things out", addr, localAddress)
	}
	return addr, nil
}

// answer serves requests until ctx ends, lets those in flight finish, and cuts off
// what takes too long.
func (s *site) answer(ctx context.Context, cfg Config, l net.Listener) error {
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server, connections := newServer(life, cfg, s.handler())
	defer connections.Wait()
	failed := make(chan error, 1)
	go func() {
		if cfg.TLS != nil {
			failed <- server.ServeTLS(l, "", "")
		} else {
			failed <- server.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	patience, done := context.WithTimeout(life, stopTime)
	defer done()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		cfg.Log.Info("requests were cut off")
		cut()
		err = server.Close()
	}
	<-failed
	return err
}

// newServer returns a server and its open connections, each of which is served by one
// goroutine.
func newServer(life context.Context, cfg Config, handler http.Handler) (*http.Server, *sync.WaitGroup) {
	var connections sync.WaitGroup
	return &http.Server{
		Handler:           handler,
		TLSConfig:         cfg.TLS.Clone(),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams},
		BaseContext:       func(net.Listener) context.Context { return life },
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				connections.Done()
			}
		},
	}, &connections
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// portOf returns the port that l listens on, 0 where it has none.
func portOf(l net.Listener) uint16 {
	addr, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return 0
	}
	return addr.Port()
}
