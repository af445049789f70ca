//go:build bench

package budget

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server sends one file of 64 MiB through the gate, to HTTP clients and, on the second
// address, as fast as it is read over bare TCP, as the BitTorrent seed does.
func server(t *testing.T, b *Budget) (url, tcp string) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		class := [...]Class{Start, Leased, Plain, Bulk}[len(r.URL.Path)%4]
		out := b.Writer(r.Context(), Claim{Viewer: r.RemoteAddr, Way: HTTP, Class: class, Slack: time.Second}, 64<<20, w)
		defer out.Close()
		io.Copy(out, &io.LimitedReader{R: f, N: 64 << 20})
	}))
	t.Cleanup(s.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serveTCP(t, l, b)
	return s.URL, l.Addr().String()
}

func serveTCP(t *testing.T, l net.Listener, b *Budget) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			block := make([]byte, 16<<10)
			for b.Take(t.Context(), Claim{Viewer: conn.RemoteAddr().String(), Way: TCP, Class: Bulk}, len(block)) == nil {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		}()
	}
}

// TestBenchBudgetRate has 50 greedy clients on real sockets pull for 30 s.
func TestBenchBudgetRate(t *testing.T) {
	for _, mbit := range []float64{2, 20, 200} {
		rate := mbit * 125_000
		b := New(Config{Rate: int64(rate)})
		url, tcp := server(t, b)
		var got atomic.Int64
		stop := time.Now().Add(31 * time.Second)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for time.Now().Before(stop) {
					if i%5 == 4 {
						pullTCP(tcp, stop, &got)
					} else {
						pullHTTP(fmt.Sprintf("%s/%.*s", url, i%4, "xxxx"), stop, &got)
					}
				}
			})
		}
		time.Sleep(time.Second)
		first, sent := got.Load(), total(b)
		time.Sleep(30 * time.Second)
		read, left := float64(got.Load()-first)/30, float64(total(b)-sent)/30
		t.Logf("set %.0f Mbit/s: the gate let out %.3f (%+.2f %%), 50 clients read %.3f (%+.2f %%)", mbit, left/125_000, 100*(left/rate-1), read/125_000, 100*(read/rate-1))
		if math.Abs(left/rate-1) > 0.03 {
			t.Errorf("%.2f %% off the set rate", 100*(left/rate-1))
		}
		b.Set(0, 0)
		wg.Wait()
	}
}

func total(b *Budget) (n int64) {
	for _, way := range b.Counts().All {
		n += way
	}
	return n
}

func pullHTTP(url string, stop time.Time, got *atomic.Int64) {
	client := &http.Client{Timeout: time.Until(stop) + time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	pull(answer.Body, got)
}

func pullTCP(address string, stop time.Time, got *atomic.Int64) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(stop)
	pull(conn, got)
}

func pull(r io.Reader, got *atomic.Int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		got.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// TestBenchBudgetOpen compares a gate without limits with none.
func TestBenchBudgetOpen(t *testing.T) {
	b := New(Config{})
	for _, gate := range []bool{false, true, false, true, false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, make([]byte, 256<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			f, _ := os.Open(name)
			defer f.Close()
			var w io.Writer = conn
			if gate {
				w = b.Writer(t.Context(), Claim{Class: Leased}, 256<<20, conn)
			}
			w.(io.ReaderFrom).ReadFrom(&io.LimitedReader{R: f, N: 256 << 20})
		}()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, 1<<20))
		t.Logf("gate %-5v: %.2f Gbit/s (drain measured %.2f)", gate, float64(n)*8e-9/time.Since(began).Seconds(), b.Drain()*8e-9)
		conn.Close()
		l.Close()
	}
}
