// Package metrics writes figures in the text format that Prometheus reads (version 0.0.4),
// on an address that only this machine reaches. It knows the format and nothing of what is
// counted.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Family is one figure, or one for each value of a label.
type Family struct {
	Name, Help string
	Counter    bool               // it only ever grows while the process lives; else a gauge
	Label      string             // empty for a figure alone, which stands under the empty value
	Values     map[string]float64 // by value of the label
}

// Alone returns a family of one figure.
func Alone(name, help string, counter bool, value float64) Family {
	return Family{Name: name, Help: help, Counter: counter, Values: map[string]float64{"": value}}
}

// Text writes families as Prometheus reads them.
func Text(families []Family) []byte {
	var b strings.Builder
	help := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	label := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	for _, f := range families {
		kind := "gauge"
		if f.Counter {
			kind = "counter"
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.Name, help.Replace(f.Help), f.Name, kind)
		for _, key := range slices.Sorted(maps.Keys(f.Values)) {
			b.WriteString(f.Name)
			if f.Label != "" {
				fmt.Fprintf(&b, `{%s="%s"}`, f.Label, label.Replace(key))
			}
			b.WriteString(" " + strconv.FormatFloat(f.Values[key], 'g', -1, 64) + "\n")
		}
	}
	return []byte(b.String())
}

// Config says where figures are shown, and which.
type Config struct {
	Listen  string // a port of this machine, or unix: and the path of a socket
	Figures func(context.Context) ([]Family, error)
	Live    http.HandlerFunc // answers /livez
	Ready   http.HandlerFunc // answers /readyz
	Log     *slog.Logger
}

const (
	requestTime = 5 * time.Second
	answerTime  = 10 * time.Second
	headerBytes = 8 << 10
)

// Serve shows figures until ctx ends.
func Serve(ctx context.Context, cfg Config) error {
	l, err := listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: cfg.handler(), ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: time.Minute, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	err = server.Close()
	<-failed
	return err
}

// listen opens the address. A socket that a killed server left is taken away first.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	path, isSocket := strings.CutPrefix(addr, "unix:")
	if !isSocket {
		if a, err := netip.ParseAddrPort(addr); err != nil || !a.Addr().IsLoopback() {
			return nil, fmt.Errorf("show figures on %s: other machines would see them", addr)
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("show figures: %w", err)
		}
		return l, nil
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("show figures: %w", err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("show figures: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil { // the group's too, for Prometheus in it
		return nil, errors.Join(fmt.Errorf("show figures: %w", err), l.Close())
	}
	return l, nil
}

func (cfg Config) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", cfg.show)
	mux.HandleFunc("GET /livez", cfg.Live)
	mux.HandleFunc("GET /readyz", cfg.Ready)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		// A page elsewhere whose name was pointed at this machine must not read along.
		if !strings.HasPrefix(cfg.Listen, "unix:") && !ours(r.Host) {
			http.Error(w, "This is for this machine.", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (cfg Config) show(w http.ResponseWriter, r *http.Request) {
	families, err := cfg.Figures(r.Context())
	if err != nil {
		cfg.Log.Error("figures not shown", "err", err)
		http.Error(w, "The figures could not be gathered.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(Text(families)) // who asked has gone
}
