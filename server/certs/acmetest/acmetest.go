// Package acmetest runs a real certificate authority on loopback for tests: pebble, which
// Let's Encrypt makes for that, with its DNS server. `.ci/install pebble` gets both from
// the Go module proxy, into .ci/bin.
package acmetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options say what kind of authority is wanted.
type Options struct {
	TLSPort, HTTPPort int           // where it asks the server for proof
	Valid             time.Duration // of certificates; zero means 90 days
	ListenPort        int           // of the authority; zero means a free one
}

// CA is a running authority.
type CA struct {
	Directory string // its ACME directory
	CAFile    string // PEM of who signed the directory's certificate
	DNS       string // address of its DNS server, which knows every name as 127.0.0.1
	Port      int

	control string
	log     *log
	stop    []func()
}

type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Start runs an authority until the test ends.
func Start(t testing.TB, o Options) *CA {
	t.Helper()
	dir := t.TempDir()
	ca := &CA{CAFile: filepath.Join(dir, "ca.pem"), log: new(log), Port: o.ListenPort}
	if ca.Port == 0 {
		ca.Port = FreePort(t)
	}
	manage, dns, control := FreePort(t), FreePort(t), FreePort(t)
	ca.DNS, ca.control = "127.0.0.1:"+strconv.Itoa(dns), "http://127.0.0.1:"+strconv.Itoa(control)
	ca.Directory = "https://127.0.0.1:" + strconv.Itoa(ca.Port) + "/dir"
	key := filepath.Join(dir, "key.pem")
	Certificate(t, ca.CAFile, key, "127.0.0.1", time.Now().Add(24*time.Hour))
	if o.Valid == 0 {
		o.Valid = 90 * 24 * time.Hour
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": "127.0.0.1:" + strconv.Itoa(ca.Port), "managementListenAddress": "127.0.0.1:" + strconv.Itoa(manage),
		"certificate": ca.CAFile, "privateKey": key, "httpPort": o.HTTPPort, "tlsPort": o.TLSPort,
		// The rest is as pebble's own configuration has it.
		"retryAfter": map[string]int{"authz": 3, "order": 5}, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"description": "default", "validityPeriod": int(o.Valid.Seconds())}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	ca.run(t, "pebble-challtestsrv", "-dnsserver", ca.DNS, "-management", "127.0.0.1:"+strconv.Itoa(control),
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "")
	ca.run(t, "pebble", "-config", file, "-dnsserver", ca.DNS)
	t.Cleanup(func() {
		for _, stop := range ca.stop {
			stop()
		}
	})
	ca.wait(t)
	return ca
}

// run starts one of the two programs.
func (ca *CA) run(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(find(t, name), args...)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	cmd.Stdout, cmd.Stderr = ca.log, ca.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ca.stop = append(ca.stop, sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}))
}

// find returns the path of a program that .ci/install has put into .ci/bin.
func find(t testing.TB, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", "..", ".ci", "bin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run .ci/install pebble", name)
	}
	return path
}

// wait returns when the authority answers.
func (ca *CA) wait(t testing.TB) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: Pool(t, ca.CAFile)}}}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if res, err := client.Get(ca.Directory); err == nil {
			res.Body.Close()
			if _, err := ca.Resolve(context.Background(), "up.example"); err == nil {
				return
			}
		}
	}
	t.Fatalf("pebble does not answer:\n%s", ca.log)
}

// Stop ends the authority, as an outage does; DNS goes on.
func (ca *CA) Stop() { ca.stop[1]() }

// Orders is how many orders the authority has seen, by its own account.
func (ca *CA) Orders() int { return strings.Count(ca.log.String(), "Added order") }

// Log is what the authority said.
func (ca *CA) Log() string { return ca.log.String() }

// Resolve asks the authority's DNS server.
func (ca *CA) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, ca.DNS)
	}}
	return r.LookupNetIP(ctx, "ip4", host)
}

// Point makes the DNS server send a name elsewhere.
func (ca *CA) Point(t testing.TB, host, ip string) {
	t.Helper()
	body := `{"host":"` + host + `","addresses":["` + ip + `"]}`
	res, err := http.Post(ca.control+"/add-a", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
}

// FreePort returns a port that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Pool is the certificates of a PEM file.
func Pool(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// Certificate writes a self-signed certificate for host and its key.
func Certificate(t testing.TB, certFile, keyFile, host string, until time.Time) {
	t.Helper()
	if err := WriteCertificate(certFile, keyFile, host, until); err != nil {
		t.Fatal(err)
	}
}

// WriteCertificate is Certificate without a test.
func WriteCertificate(certFile, keyFile, host string, until time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
