package knock

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Caller asks a friend's server.
type Caller struct {
	base string
	http *http.Client
}

// ErrBusy means that the friend's server asks us to come back in a minute.
var ErrBusy = errors.New("it answers only so often: ask again in a minute")

// NewCaller returns a caller of the Tubelet at base over "tcp4", "tcp6" or "tcp". The
// transport may be nil, or bring certificates to believe in.
func NewCaller(base, network string, transport *http.Transport) (*Caller, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, fmt.Errorf("%q is no address such as https://video.example", base)
	}
	if transport == nil {
		transport = &http.Transport{}
	}
	dialer := &net.Dialer{Timeout: 4 * time.Second}
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Caller{strings.TrimRight(u.Scheme+"://"+u.Host, "/"), client}, nil
}

// Close drops the connection.
func (c *Caller) Close() { c.http.CloseIdleConnections() }

// Look asks how we look from there, with a UDP port to try unless it is 0. The friend's
// clock comes along.
func (c *Caller) Look(ctx context.Context, udp uint16, headers http.Header) (a Answer, date time.Time, err error) {
	address := c.base + Path
	if udp != 0 {
		address += "?udp=" + strconv.Itoa(int(udp))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return a, date, err
	}
	for name, values := range headers {
		r.Header[name] = values
	}
	date, err = c.do(r, &a)
	return a, date, err
}

// Upload sends a friend's server some bytes for as long as d, and returns the best rate in
// bytes a second that one part of them arrived at.
func (c *Caller) Upload(ctx context.Context, d time.Duration) (float64, error) {
	part := make([]byte, MaxUpload)
	rand.Read(part) // which no line on the way can make smaller
	best, began := 0.0, time.Now()
	for range 6 {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+Path, bytes.NewReader(part))
		if err != nil {
			return 0, err
		}
		var took Took
		if _, err = c.do(r, &took); err != nil {
			if best > 0 {
				break
			}
			return 0, err
		}
		if took.Seconds > 0 {
			best = max(best, float64(took.Bytes)/took.Seconds)
		}
		if time.Since(began) > d {
			break
		}
	}
	return best, nil
}

func (c *Caller) do(r *http.Request, into any) (date time.Time, err error) {
	r.Header.Set("User-Agent", "Tubelet-doctor")
	answer, err := c.http.Do(r)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // it names the address, which the reader knows
		}
		return date, err
	}
	defer answer.Body.Close()
	date, _ = http.ParseTime(answer.Header.Get("Date"))
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests:
		return date, ErrBusy
	case http.StatusNotFound:
		return date, errors.New("it is no Tubelet that answers such questions")
	default:
		return date, fmt.Errorf("it answered %d", answer.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 16<<10)).Decode(into); err != nil {
		return date, fmt.Errorf("read its answer: %w", err)
	}
	return date, nil
}
