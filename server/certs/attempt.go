package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Ways to prove to the authority that the name is ours.
const (
	byTLS  = "tls-alpn-01"
	byHTTP = "http-01"
)

const (
	attemptTime = 2 * time.Minute  // for one attempt
	askTime     = 20 * time.Second // for one request to the authority
	answerBytes = 1 << 20          // of one answer
	tries       = 4                // of one request, when the authority wants it anew
)

// authority returns the client that speaks to the authority.
func authority(caFile string) (*http.Client, error) {
	transport := &http.Transport{TLSHandshakeTimeout: askTime, ResponseHeaderTimeout: askTime, ForceAttemptHTTP2: true,
		MaxIdleConns: 2, IdleConnTimeout: askTime}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca_file: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read tls.ca_file: no certificate in %s", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: transport}, nil
}

// attempt asks the authority for a certificate, proving the name in one way. It returns how
// many orders that took, which is one or none.
func (k *Keeper) attempt(ctx context.Context, way string) (*tls.Certificate, int, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	watch := &watch{ctx: ctx, way: way, next: k.client.Transport}
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: fresh{autocert.DirCache(k.dir), k.cfg.Host}, HostPolicy: autocert.HostWhitelist(k.cfg.Host), Email: k.cfg.Email,
		Client: &acme.Client{DirectoryURL: k.cfg.Directory, HTTPClient: &http.Client{Transport: watch}, UserAgent: "tubelet", RetryBackoff: again},
		// The manager would renew by itself, and every half hour when that fails. Renewal is
		// ours: an attempt like any other. Its timer comes too late for anything, and watch
		// lets no order through after the attempt.
		RenewBefore: time.Second,
	}
	if way == byHTTP {
		handler := m.HTTPHandler(http.NotFoundHandler())
		k.web.Store(&handler)
		defer k.web.Store(nil)
	}
	k.trying.Store(m)
	defer k.trying.Store(nil)
	cert, err := m.GetCertificate(modern(k.cfg.Host))
	orders, refusal := watch.close()
	if refusal != nil {
		err = refusal
	}
	if err != nil {
		return nil, orders, fmt.Errorf("get a certificate for %s: %w", k.cfg.Host, err)
	}
	if cert.Leaf == nil {
		return nil, orders, errors.New("get a certificate: it cannot be read")
	}
	return cert, orders, nil
}

// modern is the greeting of a client that knows elliptic curves. An empty one would get a
// certificate of the older kind.
func modern(host string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName: host, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves: []tls.CurveID{tls.CurveP256}, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	}
}

// again is when a request is repeated: soon where the authority wants another nonce, and
// not at all where it is overloaded or has had enough of us.
func again(n int, _ *http.Request, res *http.Response) time.Duration {
	if n >= tries || res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		return -1
	}
	return 100 * time.Millisecond
}

// fresh is autocert's folder without the certificate that is there, so that a new one is got.
type fresh struct {
	autocert.Cache
	host string
}

func (f fresh) Get(ctx context.Context, name string) ([]byte, error) {
	if name == f.host {
		return nil, autocert.ErrCacheMiss
	}
	return f.Cache.Get(ctx, name)
}

// watch stands between autocert and the authority during one attempt. Autocert proves a name
// in one way after the other and begins an order for each, and one more to find that no way
// is left. So watch shows it one way only, and lets one order through.
type watch struct {
	ctx  context.Context
	way  string
	next http.RoundTripper

	mu     sync.Mutex
	place  string // where orders are placed
	orders int
	over   bool
	reason error                // why the authority did not believe us
	later  map[string]time.Time // when an address may be asked again, as the authority wants it
}

var errSecondOrder = errors.New("an attempt has one order")

// RoundTrip sends a request and reads its answer whole.
func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := w.allow(r); err != nil {
		return nil, err
	}
	if err := w.wait(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTime)
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	res, err := w.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, answerBytes))
	res.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the authority's answer: %w", err)
	}
	if body = w.read(r, res, body); body == nil {
		body = []byte{}
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

func (w *watch) allow(r *http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodPost && r.URL.String() == w.place && (w.orders > 0 || w.over) {
		return errSecondOrder
	}
	return nil
}

// wait waits until the authority wants to be asked again. Package acme would sleep by itself,
// under a context of autocert's own, and keep the program from ending for minutes; so it is
// not shown the header, comes back after a second, and waits here.
func (w *watch) wait(r *http.Request) error {
	w.mu.Lock()
	pause := time.Until(w.later[r.URL.String()])
	w.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-r.Context().Done():
		return r.Context().Err()
	case <-timer.C:
		return w.ctx.Err()
	}
}

// postpone notes when an address may be asked again, and hides that from package acme.
// Answers that are errors are not for waiting, see again.
func (w *watch) postpone(r *http.Request, res *http.Response) {
	after := res.Header.Get("Retry-After")
	if after == "" || res.StatusCode >= 300 {
		return
	}
	if w.later == nil {
		w.later = map[string]time.Time{}
	}
	if seconds, err := strconv.Atoi(after); err == nil {
		w.later[r.URL.String()] = time.Now().Add(time.Duration(min(max(seconds, 0), int(attemptTime.Seconds()))) * time.Second)
	} else if at, err := http.ParseTime(after); err == nil {
		w.later[r.URL.String()] = at
	}
	res.Header.Del("Retry-After")
}

// read notes what an answer tells, and returns what autocert sees of it.
func (w *watch) read(r *http.Request, res *http.Response, body []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.postpone(r, res)
	if r.Method == http.MethodPost && r.URL.String() == w.place && res.StatusCode == http.StatusCreated {
		w.orders++
	}
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	if place, ok := answer["newOrder"]; ok && w.place == "" {
		_ = json.Unmarshal(place, &w.place) // left empty, autocert finds no place either
	}
	if _, ok := answer["challenges"]; !ok {
		return body
	}
	kept, reason := choose(answer["challenges"], w.way)
	if reason != nil {
		w.reason = reason
	}
	answer["challenges"] = kept
	out, err := json.Marshal(answer)
	if err != nil {
		return body
	}
	return out
}

// choose keeps the challenges of one way, and says why one failed.
func choose(challenges json.RawMessage, way string) (json.RawMessage, error) {
	var all []json.RawMessage
	if json.Unmarshal(challenges, &all) != nil {
		return challenges, nil
	}
	kept := []json.RawMessage{}
	var reason error
	for _, one := range all {
		var c struct {
			Type  string
			Error *struct{ Type, Detail string }
		}
		if json.Unmarshal(one, &c) != nil || c.Type != way {
			continue
		}
		kept = append(kept, one)
		if c.Error != nil {
			reason = fmt.Errorf("the authority does not reach us (%s): %.300s", way, c.Error.Detail)
		}
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return challenges, nil
	}
	return out, reason
}

// close ends the attempt.
func (w *watch) close() (orders int, refusal error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	return w.orders, w.reason
}
