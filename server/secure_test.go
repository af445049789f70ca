package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/certs/acmetest"
)

const secureName = "video.example"

// secure runs a server with its own certificate, and returns how its visitors speak TLS.
func secure(t *testing.T) (running, string, *tls.Config) {
	t.Helper()
	c := localChannel()
	c.Local, c.Domain = false, secureName
	data, db := open(t, c)
	for _, v := range kinds() {
		publish(t, data, db, v)
	}
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	acmetest.Certificate(t, cert, key, secureName, time.Now().Add(time.Hour))
	for name, value := range map[string]string{"tls": "files", "tls.cert": cert, "tls.key": key, "listen": "127.0.0.1:0"} {
		if err := db.SetSetting(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, Config{Data: data, Store: db, Media: media.New(media.Config{}), Log: testLog(t)})
	return r, strings.TrimPrefix(r.url, "http://"), &tls.Config{RootCAs: acmetest.Pool(t, cert), ServerName: secureName}
}

// client speaks with a server at addr, by HTTP/2 where asked.
func client(t *testing.T, addr string, c *tls.Config, two bool) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: two, TLSClientConfig: c.Clone(), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t *testing.T, c *http.Client, url string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(b)}
}

// TestTLS asks for what visitors ask for.
func TestTLS(t *testing.T) {
	t.Parallel()
	_, addr, config := secure(t)
	for _, two := range []bool{false, true} {
		c, version := client(t, addr, config, two), 1
		if two {
			version = 2
		}
		page := get(t, c, "https://"+secureName+"/")
		if page.StatusCode != 200 || page.ProtoMajor != version || page.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("%s %s %v", page.Proto, page.Status, page.Header)
		}
		part := get(t, c, "https://"+secureName+film, "Range: bytes=5-9")
		if part.StatusCode != 206 || part.body != string(fileBody("720p.mp4")[5:10]) || part.ProtoMajor != version {
			t.Errorf("a part of a film: %s %s %q", part.Proto, part.Status, part.body)
		}
		if whole := get(t, c, "https://"+secureName+film); whole.body != string(fileBody("720p.mp4")) {
			t.Errorf("a film: %d bytes", len(whole.body))
		}
		if a := get(t, c, "https://"+secureName+"/", "Host: other.example"); a.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("another host: %s", a.Status)
		}
		if a := get(t, c, "https://"+secureName+"/metrics"); a.StatusCode != 404 {
			t.Errorf("figures on the public address: %s", a.Status)
		}
	}
	if a := newChannel(t).get(t, "/"); a.Header.Get("Strict-Transport-Security") != "" {
		t.Error("without TLS of ours browsers are told to stay with it")
	}
	unknown := config.Clone()
	unknown.ServerName = "other.example"
	if _, err := tls.Dial("tcp", addr, unknown); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("an unknown name: %v", err)
	}
	old := config.Clone()
	old.MaxVersion = tls.VersionTLS11
	if _, err := tls.Dial("tcp", addr, old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestWebSocketOverTLS(t *testing.T) {
	t.Parallel()
	_, addr, config := secure(t)
	c, res, err := websocket.Dial(t.Context(), "wss://"+secureName+"/tracker/socket", &websocket.DialOptions{
		HTTPClient: client(t, addr, config, false), HTTPHeader: http.Header{"Origin": {"https://" + secureName}},
	})
	if err != nil {
		t.Fatal(err, res)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(`{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb"}`)); err != nil {
		t.Fatal(err)
	}
	_, text, err := c.Read(t.Context())
	if err != nil || !bytes.Contains(text, []byte("failure")) {
		t.Errorf("an unknown torrent: %s, %v", text, err)
	}
}

// TestSlowTLS sends too little in each layer: bytes of the handshake, of a header, of a
// frame. All are let go, and others are served meanwhile.
func TestSlowTLS(t *testing.T) {
	t.Parallel()
	_, addr, config := secure(t)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range 150 {
		wg.Go(func() {
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			c := raw
			switch i % 3 {
			case 0: // silence after the first bytes of a greeting
				fmt.Fprint(raw, "\x16\x03\x01\x02\x00\x01")
			case 1:
				c = greeted(t, raw, config, "http/1.1")
				fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: video.example\r\nX-Slow: ")
			case 2:
				c = greeted(t, raw, config, "h2")
				fmt.Fprint(c, http2.ClientPreface)
				framer := http2.NewFramer(c, nil)
				_ = framer.WriteSettings()
				_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			}
			_ = raw.SetReadDeadline(time.Now().Add(40 * time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("kind %d is still connected", i%3)
			}
		})
	}
	visitor := client(t, addr, config, true)
	for range 10 {
		if a := get(t, visitor, "https://"+secureName+"/w/"+public); a.StatusCode != 200 {
			t.Errorf("others meanwhile: %s", a.Status)
		}
		time.Sleep(20 * time.Millisecond)
	}
	wg.Wait()
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("the last was let go after %v", took)
	} else {
		t.Logf("all were let go within %v", took)
	}
}

func greeted(t *testing.T, raw net.Conn, config *tls.Config, protocol string) net.Conn {
	own := config.Clone()
	own.NextProtos = []string{protocol}
	c := tls.Client(raw, own)
	if err := c.Handshake(); err != nil {
		t.Errorf("handshake: %v", err)
	}
	return c
}

// TestResets opens streams and takes them back, as fast as it can (CVE-2023-44487).
func TestResets(t *testing.T) {
	t.Parallel()
	_, addr, config := secure(t)
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := greeted(t, raw, config, "h2")
	fmt.Fprint(c, http2.ClientPreface)
	framer := http2.NewFramer(c, c)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() { ended <- last(framer) }()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	const resets = 20_000
	var sent int
	for id := uint32(1); sent < resets; id += 2 {
		block.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", secureName}, {":path", "/search?q=publicword"}} {
			if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
				t.Fatal(err)
			}
		}
		err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
		if err = errors.Join(err, framer.WriteRSTStream(id, http2.ErrCodeCancel)); err != nil {
			break // the server has had enough
		}
		sent++
	}
	visitor := client(t, addr, config, true)
	if a := get(t, visitor, "https://"+secureName+"/"); a.StatusCode != 200 {
		t.Errorf("another visitor: %s", a.Status)
	}
	raw.Close()
	t.Logf("%d of %d resets were taken; the connection ended with %s", sent, resets, <-ended)
}

// last reads frames until the connection ends, and says how.
func last(framer *http2.Framer) string {
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			return err.Error()
		}
		if away, ok := f.(*http2.GoAwayFrame); ok {
			return "GOAWAY " + away.ErrCode.String()
		}
	}
}

// TestRedirect visits port 80.
func TestRedirect(t *testing.T) {
	t.Parallel()
	c := localChannel()
	c.Local, c.Domain = false, secureName
	data, db := open(t, c)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	acmetest.Certificate(t, cert, key, secureName, time.Now().Add(time.Hour))
	port := fmt.Sprint("127.0.0.1:", acmetest.FreePort(t))
	for name, value := range map[string]string{"tls": "files", "tls.cert": cert, "tls.key": key, "listen": "127.0.0.1:0", "listen.redirect": port} {
		if err := db.SetSetting(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	run(t, Config{Data: data, Store: db, Media: media.New(media.Config{}), Log: testLog(t)})
	for _, w := range []struct {
		request, status, location string
	}{
		{"GET /w/abc?x=1 HTTP/1.1\r\nHost: video.example", "301", "https://video.example/w/abc?x=1"},
		{"GET / HTTP/1.1\r\nHost: VIDEO.example.:80", "301", "https://video.example/"},
		{"GET / HTTP/1.1\r\nHost: other.example", "421", ""},
		{"POST /inbox HTTP/1.1\r\nContent-Length: 0\r\nHost: video.example", "403", ""},
		{"GET http:evil.example HTTP/1.1\r\nHost: video.example", "400", ""},
		{"GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: video.example", "301", "https://video.example/.well-known/acme-challenge/x"},
	} {
		conn, err := net.Dial("tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s\r\n\r\n", w.request)
		text, err := io.ReadAll(conn)
		conn.Close()
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 "+w.status) || w.location != "" && !strings.Contains(string(text), "\r\nLocation: "+w.location+"\r\n") {
			t.Errorf("%q: %v %.200s", w.request, err, text)
		}
	}
}
