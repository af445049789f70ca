package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/acme"
)

// slow is an authority that is not done yet, and says when to ask again.
type slow struct {
	after string
	asked []time.Time
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	body, status, header := `{"status":"pending"}`, http.StatusOK, http.Header{"Replay-Nonce": {"x"}}
	switch r.URL.Path {
	case "/dir":
		body = `{"newNonce":"https://ca.example/nonce","newOrder":"https://ca.example/order","newAccount":"https://ca.example/account"}`
	case "/authz":
		s.asked = append(s.asked, time.Now())
		header.Set("Retry-After", s.after)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// TestRetryAfter has package acme wait for an authority, which is asked as late as it wants,
// and not a second longer than until the program ends.
func TestRetryAfter(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		after string // the header
		stop  time.Duration
		asked int // until the stop
	}{
		"soon":            {"5", 21 * time.Second, 5}, // at 0, 5, 10, 15 and 20
		"late":            {"60", 10 * time.Second, 1},
		"a date":          {"Sat, 01 Jan 2000 00:01:00 GMT", 59 * time.Second, 1}, // synctest begins at midnight of that day
		"nothing":         {"", 2500 * time.Millisecond, 3},
		"nonsense":        {"soon", 2500 * time.Millisecond, 3},
		"years":           {"999999999999", time.Minute, 1},
		"long ago":        {"-5", 2500 * time.Millisecond, 3},
		"before the year": {"Sat, 01 Jan 1999 00:00:00 GMT", 2500 * time.Millisecond, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				ca := &slow{after: test.after}
				client := &acme.Client{Key: key, KID: "x", DirectoryURL: "https://ca.example/dir",
					HTTPClient: &http.Client{Transport: &watch{ctx: ctx, way: byTLS, next: ca}}, RetryBackoff: again}
				done := make(chan error)
				go func() {
					// Autocert's own context knows nothing of the program's end.
					_, err := client.WaitAuthorization(context.Background(), "https://ca.example/authz")
					done <- err
				}()
				time.Sleep(test.stop)
				synctest.Wait()
				if len(ca.asked) != test.asked {
					t.Errorf("asked at %v", ca.asked)
				}
				stopped := time.Now()
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(stopped); took > time.Second {
					t.Errorf("stopped after %v", took)
				}
			})
		})
	}
}
