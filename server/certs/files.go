package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Files hands out a certificate that somebody else gets, such as lego, acme.sh or a company.
type Files struct {
	data, host, cert, key string
	log                   *slog.Logger

	current atomic.Pointer[tls.Certificate]
	seen    [2]stamp
	nudge   chan struct{}
}

// stamp tells one version of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// ReadFiles reads the certificate of host from two files in PEM.
func ReadFiles(data, host, cert, key string, log *slog.Logger) (*Files, error) {
	if err := os.MkdirAll(folder(data), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	f := &Files{data: data, host: host, cert: cert, key: key, log: log, nudge: make(chan struct{}, 1)}
	f.seen = f.stamps()
	return f, f.read()
}

// Check reports what is wrong with a certificate for host.
func Check(host, cert, key string) (*x509.Certificate, error) {
	pair, err := readPair(cert, key)
	if err != nil {
		return nil, err
	}
	if err := pair.Leaf.VerifyHostname(host); err != nil {
		return pair.Leaf, fmt.Errorf("%s is not for %s: %w", cert, host, err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return pair.Leaf, fmt.Errorf("%s ended on %s", cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	return pair.Leaf, nil
}

// maxPEM is what a chain of certificates with its key takes at most.
const maxPEM = 1 << 20

func readPair(cert, key string) (*tls.Certificate, error) {
	var texts [2][]byte
	for i, path := range []string{cert, key} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read a certificate: %w", err)
		}
		if info.Size() > maxPEM {
			return nil, fmt.Errorf("read a certificate: %s is too large", path)
		}
		if texts[i], err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read a certificate: %w", err)
		}
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return nil, fmt.Errorf("read a certificate from %s: %w", cert, err)
	}
	return &pair, nil
}

// TLS is the configuration of a server that speaks for the name, and for no other.
func (f *Files) TLS() *tls.Config {
	return base(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if !sameHost(hello.ServerName, f.host) {
			return nil, nil
		}
		return f.current.Load(), nil
	})
}

// Challenge answers nothing: whoever makes the files proves the name.
func (f *Files) Challenge(http.ResponseWriter, *http.Request) bool { return false }

// Reload reads the files again.
func (f *Files) Reload() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

// Run reads the files again when they change. What cannot be read leaves the certificate
// that is in use.
func (f *Files) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.nudge:
		case <-tick.C:
			// Of two files one is written first: what does not fit yet is read at the next look.
			if now := f.stamps(); now == f.seen {
				continue
			}
		}
		now := f.stamps()
		if err := f.read(); err != nil {
			if f.seen != now {
				f.log.Warn("certificate not taken over", "err", err)
			}
			f.seen = now
			continue
		}
		f.seen = now
		f.log.Info("certificate read", "until", f.current.Load().Leaf.NotAfter.Format(time.RFC3339))
	}
}

func (f *Files) read() error {
	pair, err := readPair(f.cert, f.key)
	if err != nil {
		return err
	}
	if err := pair.Leaf.VerifyHostname(f.host); err != nil {
		f.log.Warn("certificate is for another name", "err", err)
	}
	state := State{Mode: "files", Host: f.host}
	state.describe(pair)
	if err := state.save(folder(f.data)); err != nil {
		f.log.Warn("state of the certificate not kept", "err", err)
	}
	f.current.Store(pair)
	return nil
}

func (f *Files) stamps() (s [2]stamp) {
	for i, path := range []string{f.cert, f.key} {
		if real, err := filepath.EvalSymlinks(path); err == nil { // certbot's are links to numbered files
			path = real
		}
		if info, err := os.Stat(path); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}
