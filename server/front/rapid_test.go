package front

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestRapidReset opens streams and resets them at once, as fast as it can, and holds many open:
// attack D9. What runs at once stays within the limit, and others are served.
func TestRapidReset(t *testing.T) {
	var running, most, asked atomic.Int64
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			return
		}
		asked.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		<-release // a handler that does not heed its client
	})
	address, client := secure(t, handler)
	const tries = 20_000
	hungUp := rush(t, address, tries, true)
	rush(t, address, 1000, false)
	response, err := client.Get("https://" + address + "/other")
	if err != nil {
		t.Fatalf("others meanwhile: %v", err)
	}
	response.Body.Close()
	close(release)
	t.Logf("%d streams opened and reset, 1000 held; %d handlers ran, at most %d at once", tries, asked.Load(), most.Load())
	if limit := int64(2 * streams); most.Load() > limit {
		t.Errorf("%d requests ran at once on two connections, more than %d", most.Load(), limit)
	}
	if !hungUp {
		t.Error("the server let the one that resets go on")
	}
}

// secure serves handler as the front does, over TLS, and returns a client that trusts it.
func secure(t *testing.T, handler http.Handler) (string, *http.Client) {
	t.Helper()
	trusted := httptest.NewTLSServer(nil)
	t.Cleanup(trusted.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Front{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	server := f.newServer(t.Context(), listener, handler)
	server.TLSConfig = &tls.Config{Certificates: trusted.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	done := make(chan error, 1)
	go func() { done <- server.run() }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return listener.Addr().String(), trusted.Client()
}

// rush opens streams on a connection of its own, resets each at once or holds it, and says
// whether the server hung up on one that resets.
func rush(t *testing.T, address string, tries int, reset bool) (hungUp bool) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // our own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, nil)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	for i := range tries {
		select {
		case <-gone:
			return true
		default:
		}
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", address}, {":path", "/"}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		stream := uint32(2*i + 1)
		err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
		if err == nil && reset {
			err = framer.WriteRSTStream(stream, http2.ErrCodeCancel)
		}
		if err != nil {
			return true
		}
	}
	if !reset {
		return false
	}
	select {
	case <-gone:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}
