package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// running is a server that Run runs.
type running struct {
	channelOf
	stop context.CancelFunc
	end  chan error
}

// run starts a server on a free port and waits until it takes requests.
func run(t *testing.T, cfg Config) running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready := make(chan string, 1)
	cfg.Ready = func(addr string) { ready <- addr }
	r := running{stop: stop, end: make(chan error, 1), channelOf: channelOf{data: cfg.Data}}
	go func() { r.end <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-r.end:
			r.end <- err
		case <-time.After(12 * time.Second):
			t.Error("the server does not stop")
		}
	})
	select {
	case addr := <-ready:
		r.url = "http://" + addr
	case err := <-r.end:
		r.end <- err
		t.Fatalf("the server did not start: %v", err)
	}
	return r
}

// ended stops the server and returns what Run returned and how long that took.
func (r running) ended(t *testing.T) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	r.stop()
	err := <-r.end
	r.end <- err
	return time.Since(start), err
}

func runConfig(t *testing.T) Config {
	data, db := open(t, localChannel())
	for _, v := range kinds() {
		publish(t, data, db, v)
	}
	return Config{Data: data, Store: db, Media: media.New(media.Config{}), Local: true, Listen: "127.0.0.1:0", Log: testLog(t)}
}

func TestRun(t *testing.T) {
	cfg := runConfig(t)
	before := runtime.NumGoroutine()
	r := run(t, cfg)
	if a := r.get(t, "/w/"+public); a.StatusCode != 200 {
		t.Errorf("the watch page: %d", a.StatusCode)
	}
	if a := askURL(t, "POST", r.url+"/views/"+public, strings.NewReader(`{"session":"s"}`)); a.StatusCode != 204 {
		t.Errorf("a view: %d", a.StatusCode)
	}
	if took, err := r.ended(t); err != nil || took > 5*time.Second {
		t.Errorf("stopped with %v after %v", err, took)
	}
	if v, err := cfg.Store.Video(t.Context(), public); err != nil || v.Views != 1 {
		t.Errorf("%d views stored at the stop, want 1, %v", v.Views, err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before+2 && time.Now().Before(deadline) { // the test's own two
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+2 {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, n, buf[:runtime.Stack(buf, true)])
	}
	r = run(t, cfg) // the lock is free again
	if a := r.get(t, "/"); a.StatusCode != 200 {
		t.Errorf("after a restart: %d", a.StatusCode)
	}
}

func TestRunRefuses(t *testing.T) {
	cfg := runConfig(t)
	r := run(t, cfg)
	err := Run(t.Context(), cfg)
	if _, ok := errors.AsType[*RunningError](err); !ok || !errors.Is(err, store.ErrExists) {
		t.Errorf("a second server on the same data: %v", err)
	}
	if a := r.get(t, "/"); a.StatusCode != 200 {
		t.Errorf("the first one then: %d", a.StatusCode)
	}
	taken := runConfig(t)
	taken.Listen = strings.TrimPrefix(r.url, "http://")
	if err := Run(t.Context(), taken); err == nil || !strings.Contains(err.Error(), taken.Listen) {
		t.Errorf("an address in use: %v", err)
	}
	data, db := open(t, store.Channel{Handle: "w", Domain: "video.example", Name: "W", CreatedAt: time.Now()})
	plain := Config{Data: data, Store: db, Media: media.New(media.Config{})}
	if err := Run(t.Context(), plain); err == nil || !strings.Contains(err.Error(), "proxy") {
		t.Errorf("plain HTTP on port 443: %v", err)
	}
	plain.Listen = "127.0.0.1:0"
	behind := run(t, plain)
	if a := behind.get(t, "/", "Host: video.example"); a.StatusCode != 200 {
		t.Errorf("behind a proxy: %d", a.StatusCode)
	}
}

// bigFilm makes the public video's film larger than any socket buffer.
func bigFilm(t *testing.T, data string) int64 {
	const size = 64 << 20
	if err := os.Truncate(filepath.Join(data, "videos", public, "1", "720p.mp4"), size); err != nil {
		t.Fatal(err)
	}
	return size
}

// TestStopLetsRequestsFinish stops the server while somebody downloads.
func TestStopLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	cfg := runConfig(t)
	size := bigFilm(t, cfg.Data)
	r := run(t, cfg)
	res, err := http.Get(r.url + film)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, 1000); err != nil {
		t.Fatal(err)
	}
	r.stop()
	waitRefused(t, strings.TrimPrefix(r.url, "http://"))
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n+1000 != size {
		t.Errorf("got %d of %d bytes, %v", n+1000, size, err)
	}
	if took, err := r.ended(t); err != nil || took > 8*time.Second {
		t.Errorf("stopped with %v after %v", err, took)
	}
}

// waitRefused returns when no new connection is taken.
func waitRefused(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("new connections are still taken")
}

// TestStopCutsOff stops the server while a reader sleeps.
func TestStopCutsOff(t *testing.T) {
	t.Parallel()
	cfg := runConfig(t)
	bigFilm(t, cfg.Data)
	r := run(t, cfg)
	res, err := http.Get(r.url + film)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if took, err := r.ended(t); err != nil || took > 10*time.Second {
		t.Errorf("stopped with %v after %v", err, took)
	}
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the sleeper got the whole film")
	}
}

// TestSlowClients opens many connections that send a little now and then.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := run(t, runConfig(t))
	addr := strings.TrimPrefix(r.url, "http://")
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			begin := "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
			if i%2 == 1 {
				begin = "POST /views/" + public + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
			}
			drip(t, addr, begin)
		})
	}
	for range 20 {
		if a := r.get(t, "/w/"+public); a.StatusCode != 200 {
			t.Errorf("others meanwhile: %d", a.StatusCode)
		}
		time.Sleep(50 * time.Millisecond)
	}
	wg.Wait()
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("the last slow client was let go after %v", took)
	}
}

// drip writes begin and then a byte a second until the server hangs up.
func drip(t *testing.T, addr, begin string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	fmt.Fprint(c, begin)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		io.Copy(io.Discard, bufio.NewReader(c))
	}()
	for {
		select {
		case <-gone:
			return
		case <-time.After(time.Second):
			fmt.Fprint(c, "x")
		}
	}
}

func TestLargeHeaders(t *testing.T) {
	r := run(t, runConfig(t))
	if a := r.get(t, "/", "X-Large: "+strings.Repeat("x", 33<<10)); a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", a.StatusCode)
	}
}
