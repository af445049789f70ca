// Package health tells whether the server can do its work: whether the data directory can
// be written, whether the database takes changes, and whether the disk has room. A server
// that cannot is degraded and not dead: what was published is still shown.
package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

const (
	kept    = 2 * time.Second // how long an answer is given again, whoever asks how often
	patient = 3 * time.Second // for the database
)

// Problem is a reason not to be ready.
type Problem struct {
	Name string `json:"name"` // database, disk, data
	Text string `json:"text"`
}

// Health looks at a server.
type Health struct {
	data  string
	store *store.Store

	mu    sync.Mutex
	at    time.Time
	found []Problem
}

// New returns the Health of the server of a data directory.
func New(data string, s *store.Store) *Health { return &Health{data: data, store: s} }

// Problems returns what is wrong, nothing when all is well.
func (h *Health) Problems(ctx context.Context) []Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); h.at.IsZero() || now.Sub(h.at) > kept || now.Before(h.at) {
		h.found = h.look(context.WithoutCancel(ctx))
		h.at = time.Now() // after a slow look, so that those who waited do not look again
	}
	return h.found
}

func (h *Health) look(ctx context.Context) (found []Problem) {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	if err := unix.Access(h.data, unix.W_OK); err != nil {
		found = append(found, Problem{"data", "the data directory cannot be written: " + err.Error()})
	}
	if err := h.store.Writable(ctx); err != nil {
		found = append(found, Problem{"database", "the database takes no changes: " + err.Error()})
	}
	if free, err := disk.Free(h.data); err != nil {
		found = append(found, Problem{"disk", err.Error()})
	} else if free < disk.BallastSize {
		found = append(found, Problem{"disk", fmt.Sprintf("the disk is full but for %d MiB", free>>20)})
	}
	return found
}

// Live answers that the server runs at all.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// Ready answers whether it can do its work, and otherwise with the names of what is wrong.
// Strangers learn no more.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	var names []string
	for _, p := range h.Problems(r.Context()) {
		names = append(names, p.Name)
	}
	if len(names) > 0 {
		say(w, http.StatusServiceUnavailable, "degraded: "+strings.Join(names, ", "))
		return
	}
	say(w, http.StatusOK, "ok")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who asked has gone
}

// Lock is the file that a server locks while it serves a data directory. It says where.
func Lock(data string) string { return filepath.Join(data, "serve.lock") }

// Announce writes into the lock file where the server listens, for Find.
func Announce(data, addr string, secure bool) error {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	if err := os.WriteFile(Lock(data), []byte(scheme+"://"+addr+"\n"), 0o600); err != nil {
		return fmt.Errorf("say where the server listens: %w", err)
	}
	return nil
}

// Find returns where the server of a data directory listens, as an address that this
// machine reaches it at. It may have ended meanwhile. Without one it is store.ErrNotFound.
func Find(data string) (scheme, addr string, err error) {
	text, err := os.ReadFile(Lock(data))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("find the server: %w", err)
	}
	scheme, addr, ok := strings.Cut(strings.TrimSpace(string(text)), "://")
	host, port, err := net.SplitHostPort(addr)
	if !ok || err != nil {
		return "", "", store.Errorf(store.ErrNotFound, "no server runs on %s", data)
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::": // both kinds of addresses, and this machine may have but one
		host = "::1"
	}
	return scheme, net.JoinHostPort(host, port), nil
}
