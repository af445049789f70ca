package files_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tubelet/tubelet/server/files"
)

// oneConn is a listener with a single connection.
type oneConn struct {
	net.Listener
	conns chan net.Conn
}

func (l oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }
func (l oneConn) Close() error   { return nil }

// TestReaders reads a large file at several speeds.
func TestReaders(t *testing.T) {
	const size = 5 << 20
	for _, c := range []struct {
		name  string
		pause time.Duration // before each 64 KiB
		whole bool
	}{
		{"at once", 0, true},
		{"slowly but steadily", 5 * time.Second, true},
		{"by EDGE", 27 * time.Second, true}, // 20 kbit/s
		{"asleep", time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "f.mp4")
			if err := os.WriteFile(name, body(size), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { read(t, name, c.pause, c.whole) })
		})
	}
}

func read(t *testing.T, name string, pause time.Duration, whole bool) {
	var took time.Duration
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		start := time.Now()
		w.Header().Set("Content-Type", "video/mp4")
		if err := files.Send(w, r, f, nil); err != nil {
			t.Error(err)
		}
		took = time.Since(start)
	})}
	ours, theirs := net.Pipe()
	l := oneConn{conns: make(chan net.Conn, 1)}
	l.conns <- theirs
	go server.Serve(l)
	fmt.Fprint(ours, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(ours), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	buf := make([]byte, 64<<10)
	for err == nil {
		var n int
		time.Sleep(pause)
		n, err = io.ReadFull(res.Body, buf)
		got += n
	}
	ours.Close()
	close(l.conns)
	synctest.Wait()
	if (int64(got) == res.ContentLength) != whole {
		t.Errorf("got %d of %d bytes", got, res.ContentLength)
	}
	if !whole && took > 3*time.Minute {
		t.Errorf("a sleeping reader was let go after %v", took)
	}
}
