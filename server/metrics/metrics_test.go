package metrics_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/metrics"
)

func TestText(t *testing.T) {
	got := string(metrics.Text([]metrics.Family{
		metrics.Alone("a_total", "Counts\nthings.", true, 3),
		{Name: "b", Help: `One \ two.`, Label: "way", Values: map[string]float64{"z": 0.5, "a\"b\\c\nd": 1e12}},
	}))
	want := "# HELP a_total Counts\\nthings.\n# TYPE a_total counter\na_total 3\n" +
		"# HELP b One \\\\ two.\n# TYPE b gauge\nb{way=\"a\\\"b\\\\c\\nd\"} 1e+12\nb{way=\"z\"} 0.5\n"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// serve shows figures until the test ends.
func serve(t *testing.T, listen string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	go func() {
		done <- metrics.Serve(ctx, metrics.Config{Listen: listen, Live: ok, Ready: ok, Log: slog.New(slog.DiscardHandler),
			Figures: func(context.Context) ([]metrics.Family, error) { return metrics.Process(), nil }})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func ask(t *testing.T, network, addr, host, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		res, err := client.Get("http://" + host + path)
		if err == nil {
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(text)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	serve(t, addr)
	status, text := ask(t, "tcp", addr, addr, "/metrics")
	if status != 200 || !strings.Contains(text, "\ngo_goroutines ") || !strings.Contains(text, "process_resident_memory_bytes") {
		t.Errorf("%d %s", status, text)
	}
	for _, w := range []struct {
		host, path string
		want       int
	}{
		{"localhost", "/livez", 200}, {"127.0.0.1", "/readyz", 200}, {"localhost", "/", 404}, {"localhost", "/debug/pprof/", 404},
		{"evil.example", "/metrics", 421}, {"video.example", "/livez", 421},
	} {
		if got, _ := ask(t, "tcp", addr, w.host, w.path); got != w.want {
			t.Errorf("%s%s: %d", w.host, w.path, got)
		}
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	for range 2 { // the second finds what a killed one left
		old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			old.SetUnlinkOnClose(false)
			old.Close()
		}
	}
	serve(t, "unix:"+path)
	if status, _ := ask(t, "unix", path, "anything", "/metrics"); status != 200 {
		t.Errorf("%d", status)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestOthersSeeNothing asks for addresses that other machines reach.
func TestOthersSeeNothing(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:9633", "localhost:0", ""} {
		err := metrics.Serve(ctx, metrics.Config{Listen: addr, Log: slog.New(slog.DiscardHandler)})
		if err == nil || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "other machines") {
			t.Errorf("%q: %v", addr, err)
		}
	}
}
