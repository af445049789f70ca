package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/front"
	"github.com/tubelet/tubelet/server/knock"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/store"
)

const (
	answerTime = 2 * time.Minute  // for one answer that is not a file of a video: a script by EDGE
	bodyTime   = 10 * time.Second // for what a client sends
	bodyBytes  = 4 << 10
	inboxBytes = 2 << 20 // its handler takes half of that, and says so when it is more
)

// policy is what a page may do: load from this host and nothing else. It ends with who may
// show the page in a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"media-src 'self' blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors "

// gate is what every request passes before its handler.
func (s *site) gate(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	// A player in a sandboxed frame has the origin "null". There is nothing to protect: a
	// report carries no cookie and no rights, counts once for its session, and within what
	// one address may count a day, whoever sends it.
	protection.AddInsecureBypassPattern("POST /views/{id}")
	next = protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.catch(w, r)
		s.requests.Add(1)
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(answerTime))
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(time.Now().Add(bodyTime))
			r.Body = http.MaxBytesReader(w, r.Body, bodyOf(r))
		}
		s.headers(w.Header(), r)
		if !s.answersTo(r.Host) {
			http.Error(w, "This server does not answer to that name.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bodyOf is how long a body may be: what other servers send is longer than what forms do.
func bodyOf(r *http.Request) int64 {
	if r.URL.Path == "/inbox" || strings.HasPrefix(r.URL.Path, "/users/") {
		return inboxBytes
	}
	if r.URL.Path == knock.Path {
		return knock.MaxUpload + 1
	}
	return bodyBytes
}

// headers sets what holds for every answer. Handlers replace what differs for theirs.
func (s *site) headers(h http.Header, r *http.Request) {
	frames := "'self'"
	if strings.HasPrefix(r.URL.Path, "/embed/") { // its errors too: else the frame stays blank
		frames = "*"
	}
	h.Set("Content-Security-Policy", policy+frames)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()")
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// answersTo reports whether host is a name of this channel. A page of somebody else who
// points his name at us must not become a page of ours, nor read us as one of his.
func (s *site) answersTo(host string) bool {
	name := hostName(host)
	if s.local && front.Loopback(name) {
		return true
	}
	return name != "" && name == hostName(s.channel.Domain)
}

// hostName returns the name in "name" or "name:port", in the form that compares. The port
// is left out: behind a proxy it may be any.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// catch answers for a handler that panicked, and lets the server live.
func (s *site) catch(w http.ResponseWriter, r *http.Request) {
	switch err := recover(); err {
	case nil:
	case http.ErrAbortHandler:
		panic(err) // net/http's own way to cut a connection
	default:
		s.log.Error("handler panicked", "path", withoutKeys(r.URL.Path), "panic", err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
	}
}

// statusError is an answer other than the one asked for.
type statusError struct {
	status int
	detail string // for the visitor, empty for the usual sentence
}

func (e *statusError) Error() string { return http.StatusText(e.status) + ": " + e.detail }

// action is a handler that leaves its errors to page.
type action func(w http.ResponseWriter, r *http.Request) error

// page makes a handler of an action: the one place where an error becomes a status, a
// page and a line in the log.
func (s *site) page(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := do(w, r)
		if err == nil {
			return
		}
		if r.Context().Err() != nil { // the client has gone, or is cut off at the stop
			panic(http.ErrAbortHandler) // to return would answer 200 with nothing
		}
		answer := &statusError{status: http.StatusInternalServerError}
		if errors.Is(err, store.ErrNotFound) {
			answer.status = http.StatusNotFound
		} else if errors.Is(err, context.DeadlineExceeded) {
			answer.status = http.StatusServiceUnavailable
			s.log.Warn("request took too long", "path", withoutKeys(r.URL.Path), "err", err)
		} else if !errors.As(err, &answer) {
			s.log.Error("request failed", "path", withoutKeys(r.URL.Path), "err", err)
		}
		s.sorry(w, r, answer)
	}
}

// withoutKeys takes the preview keys out of a path: whoever reads the log must not see what
// is not published.
func withoutKeys(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i], _, _ = strings.Cut(part, "~")
	}
	return strings.Join(parts, "/")
}

// sorry sends an error page. When even that can't be made, a line of text must do.
func (s *site) sorry(w http.ResponseWriter, r *http.Request, e *statusError) {
	made, err := s.cache.Get(r.Context(), "error "+e.Error(), func(ctx context.Context) (cache.Answer, error) {
		head, err := s.head(ctx)
		if err != nil {
			return cache.Answer{}, err
		}
		return s.render(&pages.Error{Site: head, Status: e.status, Detail: e.detail})
	})
	for _, name := range []string{"Content-Disposition", "Cache-Control", "ETag", "Vary"} {
		w.Header().Del(name)
	}
	s.headers(w.Header(), r)
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if err != nil {
		http.Error(w, http.StatusText(e.status), e.status)
		return
	}
	made.Send(w, r, e.status)
}

// clientAddress is the address of the visitor's machine. What a client claims about
// itself does not count; what our own proxy says does.
func (s *site) clientAddress(r *http.Request) string {
	ip := s.clientIP(r)
	if !ip.IsValid() {
		return r.RemoteAddr
	}
	if ip.Is6() { // one household has a whole /64
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// lastForwarded is what the nearest proxy added: the last entry of the last header.
func lastForwarded(headers []string) (netip.Addr, bool) {
	if len(headers) == 0 {
		return netip.Addr{}, false
	}
	entries := strings.Split(headers[len(headers)-1], ",")
	ip, err := netip.ParseAddr(strings.TrimSpace(entries[len(entries)-1]))
	return ip.Unmap(), err == nil
}

func within(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}
