package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of connections. There is no time limit on a whole answer, since a film takes as
// long as it takes; each write has its own, set by who answers.
const (
	headerTime  = 8 * time.Second
	idleTime    = 60 * time.Second
	headerBytes = 28 << 10         // net/http adds 4 KiB
	streams     = 100              // at once on one HTTP/2 connection
	frameTime   = 30 * time.Second // of silence until an HTTP/2 connection is asked whether it lives
	stopTime    = 7 * time.Second  // for requests in flight, after which they are cut off
)

// Serve answers requests until ctx ends, lets those in flight finish, and cuts off what
// takes too long.
func (f *Front) Serve(ctx context.Context, handler http.Handler) error {
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	servers := []*served{f.newServer(life, f.main, handler)}
	if f.redirect != nil {
		servers = append(servers, f.newServer(life, f.redirect, f.toHTTPS()))
	}
	if f.source != nil {
		servers[0].TLSConfig = f.source.TLS()
	}
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go func() { failed <- s.run() }()
	}
	waiting := len(servers)
	var err error
	select {
	case err = <-failed:
		waiting--
	case <-ctx.Done():
	}
	err = errors.Join(err, f.stop(life, cut, servers))
	for range waiting {
		if end := <-failed; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	}
	for _, s := range servers {
		s.connections.Wait()
	}
	return err
}

func (f *Front) stop(life context.Context, cut func(), servers []*served) error {
	patience, done := context.WithTimeout(life, stopTime)
	defer done()
	var group sync.WaitGroup
	late := make([]bool, len(servers))
	errs := make([]error, len(servers))
	for i, s := range servers {
		group.Go(func() {
			errs[i] = s.Shutdown(patience)
			if late[i] = errors.Is(errs[i], context.DeadlineExceeded); late[i] {
				cut()
				errs[i] = s.Close()
			}
		})
	}
	group.Wait()
	for _, l := range late {
		if l {
			f.cfg.Log.Info("requests were cut off")
		}
	}
	return errors.Join(errs...)
}

// served is a server with its open connections, each of which is served by one goroutine.
type served struct {
	*http.Server
	listener    net.Listener
	connections sync.WaitGroup
}

func (s *served) run() error {
	if s.TLSConfig != nil {
		return s.ServeTLS(s.listener, "", "")
	}
	return s.Server.Serve(s.listener)
}

func (f *Front) newServer(life context.Context, l net.Listener, handler http.Handler) *served {
	s := &served{listener: l}
	s.Server = &http.Server{
		Handler:           noted(handler),
		ReadHeaderTimeout: headerTime, // of the handshake of TLS too
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams, SendPingTimeout: frameTime, PingTimeout: headerTime},
		BaseContext:       func(net.Listener) context.Context { return life },
		ConnContext:       withArrival,
		ErrorLog:          slog.NewLogLogger(f.cfg.Log.Handler(), slog.LevelDebug),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.connections.Done()
			}
		},
	}
	return s
}

type arrivalKey struct{}

// withArrival closes a connection whose first request is not there in time. For HTTP/1
// ReadHeaderTimeout does that; HTTP/2 would wait for the rest of a header until idleTime.
func withArrival(ctx context.Context, c net.Conn) context.Context {
	arrived := new(atomic.Bool)
	time.AfterFunc(headerTime, func() {
		if !arrived.Load() {
			c.Close()
		}
	})
	return context.WithValue(ctx, arrivalKey{}, arrived)
}

// noted marks a connection as one that has sent a request.
func noted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if arrived, ok := r.Context().Value(arrivalKey{}).(*atomic.Bool); ok {
			arrived.Store(true)
		}
		next.ServeHTTP(w, r)
	})
}

const redirectTime = 10 * time.Second // for an answer on port 80

// toHTTPS sends visitors of the channel's name to https, and lets the certificate authority
// ask its question.
func (f *Front) toHTTPS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(redirectTime))
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(redirectTime))
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Connection", "close")
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		switch {
		case !strings.EqualFold(strings.TrimSuffix(host, "."), f.cfg.Channel.Domain):
			http.Error(w, "This server does not answer to that name.", http.StatusMisdirectedRequest)
		case f.source.Challenge(w, r):
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "Use https.", http.StatusForbidden)
		case !strings.HasPrefix(r.URL.RequestURI(), "/"):
			http.Error(w, "No such address.", http.StatusBadRequest)
		default:
			http.Redirect(w, r, "https://"+f.cfg.Channel.Domain+r.URL.RequestURI(), http.StatusMovedPermanently)
		}
	})
}
