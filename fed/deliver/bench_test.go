//go:build bench

package deliver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store/social"
)

const (
	stubHosts   = 2000
	followersAt = 5 // of each host
	port        = 18700
	control     = "127.0.0.1:18701"
)

func address(i int) string { return fmt.Sprintf("127.1.%d.%d", i/200, 1+i%200) }

// kind is how a stub behaves: of a hundred, two refuse, three never answer, five are slow.
func kind(i int) string {
	switch {
	case i%100 < 2:
		return "refuses"
	case i%100 < 5:
		return "hangs"
	case i%100 < 10:
		return "slow"
	}
	return "lives"
}

// TestStubs is the other side of TestBenchDeliver, and of TestFigureDelivering in server/figures,
// in a process of its own so that its memory and its goroutines are not counted.
func TestStubs(t *testing.T) {
	dir := os.Getenv("TUBELET_BENCH_STUBS")
	if dir == "" {
		return // only asked for by those
	}
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err != nil {
		authority(t, dir)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int64
	for i := range stubHosts {
		if kind(i) == "refuses" {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address(i), port))
		if err != nil {
			t.Fatal(err)
		}
		go stub(t, listener, i, pair, &taken)
	}
	listener, err := net.Listen("tcp", control)
	if err != nil {
		t.Fatal(err)
	}
	_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			os.Exit(0)
		}
		fmt.Fprint(w, taken.Load())
		if r.URL.Path == "/reset" {
			taken.Store(0)
		}
	}))
}

func stub(t *testing.T, listener net.Listener, i int, ca tls.Certificate, taken *atomic.Int64) {
	cert, err := certify(address(i), ca)
	if err != nil {
		t.Error(err)
		return
	}
	server := http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			switch kind(i) {
			case "hangs":
				<-r.Context().Done()
				return
			case "slow":
				time.Sleep(5 * time.Second)
			default:
				time.Sleep(20 * time.Millisecond)
			}
			taken.Add(1)
			w.WriteHeader(http.StatusAccepted)
		}),
	}
	_ = server.ServeTLS(listener, "", "")
}

func certify(host string, ca tls.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), IPAddresses: []net.IP{net.ParseIP(host)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// authority makes the certificate authority that this process and the stubs share.
func authority(t *testing.T, dir string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: der}, "ca.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "ca.pem"))
	t.Setenv("TUBELET_BENCH_STUBS", dir)
}

// TestBenchDeliver measures how long it takes from putting a new video on its way until the
// last host that lives has it: 10,000 followers on 2,000 hosts that speak TLS and take 20 ms
// each, of which 5 % are dead and 5 % take 5 s. Once with a shared inbox for each host, as nearly all
// have; once without, which makes ten thousand deliveries of it.
func TestBenchDeliver(t *testing.T) {
	authority(t, t.TempDir())
	stubs := exec.Command(os.Args[0], "-test.run=^TestStubs$", "-test.timeout=1h")
	stubs.Stderr = os.Stderr
	if err := stubs.Start(); err != nil {
		t.Fatal(err)
	}
	defer stubs.Wait()
	defer http.Get("http://" + control + "/end")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := sign.NewKey("https://video.example/users/ada#main-key", private)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := ask("/"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the stubs do not come up")
		}
	}
	for _, shared := range []bool{true, false} {
		measure(t, key, shared)
	}
}

func ask(path string) (n int, err error) {
	answer, err := http.Get("http://" + control + path)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = fmt.Fscan(answer.Body, &n)
	return n, err
}

func measure(t *testing.T, key sign.Key, shared bool) {
	s := open(t)
	defer s.Close()
	people, want := s.Social(), 0
	err := people.Together(t.Context(), false, func(p *social.Store) error {
		for i := range stubHosts * followersAt {
			host := fmt.Sprintf("%s:%d", address(i%stubHosts), port)
			own := fmt.Sprintf("https://%s/users/%d/inbox", host, i)
			actor := social.Actor{URI: fmt.Sprintf("https://%s/users/%d", host, i), Host: host, KeyID: fmt.Sprint(i), Inbox: own, SharedInbox: own, FetchedAt: time.Now()}
			if shared {
				actor.SharedInbox = "https://" + host + "/inbox"
			}
			id, err := p.SaveActor(t.Context(), actor)
			if err != nil {
				return err
			}
			if k := kind(i % stubHosts); (k == "lives" || k == "slow") && (!shared || i < stubHosts) {
				want++
			}
			if _, err := p.Follow(t.Context(), social.Person, id, fmt.Sprint(i), true, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	client := remote.New(remote.Config{Agent: "bench", Host: "video.example", Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer client.Close()
	woken := make(chan struct{}, 1)
	d := New(Config{Store: people, Post: client.Post, Woken: woken, Log: slog.New(slog.DiscardHandler), Key: func(context.Context, social.Target) (sign.Key, error) { return key, nil }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = d.Run(ctx) }()
	if _, err := ask("/reset"); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	idle, most, spent := resident(t), 0, processor(t)
	began := time.Now()
	out := social.Outgoing{URI: "https://video.example/create/1", By: social.Person, Body: []byte(`{"content":"` + strings.Repeat("a", 8<<10) + `"}`), Followers: []social.Target{social.Person}}
	if err := people.Send(t.Context(), out, began); err != nil {
		t.Fatal(err)
	}
	queued := time.Since(began)
	woken <- struct{}{}
	for taken := 0; taken < want; {
		if taken, err = ask("/"); err != nil || time.Since(began) > 20*time.Minute {
			t.Fatalf("%d of %d, %v", taken, want, err)
		}
		most = max(most, resident(t))
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("shared inboxes %v: %d deliveries to living hosts in %v (queued in %v), memory +%d MiB above %d MiB idle, processor time here %v on %d cores",
		shared, want, time.Since(began).Round(10*time.Millisecond), queued.Round(time.Millisecond), (most-idle)>>20, idle>>20, processor(t)-spent, runtime.GOMAXPROCS(0))
	cancel()
	<-done
}

// resident returns the memory of this process.
func resident(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func processor(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
