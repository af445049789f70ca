// Package server runs a channel and shows it: it listens, serves pages, files and
// feeds, counts views, and runs the work loop that joins the rest. It holds no state
// but caches; what it shows, it reads from the store, so every command that changes
// the store is seen on the next request.
//
// A request passes the gate (host, method, headers; gate.go), finds its handler in
// one table (routes.go) and is answered from the page cache (cache.go), from the
// files of a video (media.go), or by a handler that asks the store and renders a page.
package server

import (
	"context"
	"crypto/tls"
	"log/slog"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// Config is what Run needs.
type Config struct {
	Data   string       // the data directory
	Store  *store.Store // open, and left open
	Media  *media.Maker
	Listen string // address to listen on; empty for the channel's own (see Address)
	Local  bool   // plain HTTP for this machine only, whatever the channel's domain

	// TLS makes the server speak HTTPS with its certificates. Without it the server
	// speaks plain HTTP, and unless it is local it expects a proxy in front that does
	// the TLS: Listen must then be given, and forwarded addresses are believed when
	// they come from a loopback or private address.
	TLS *tls.Config

	Ready func(addr string) // called once with the address, when requests are taken
	Log   *slog.Logger
}

// Run serves until ctx ends, and returns after its last goroutine.
func Run(ctx context.Context, cfg Config) error { return nil }
