package cli_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/cli"
	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/certs/acmetest"
)

// appliance is a channel that gets its certificate from an authority on loopback.
type appliance struct {
	data string
	port int
	ca   *acmetest.CA
}

func (a appliance) say(t *testing.T, args ...string) {
	t.Helper()
	var out bytes.Buffer
	if code := cli.Main(t.Context(), append(args, "--data", a.data), nil, &out, &out); code != 0 {
		t.Fatalf("tubelet %v: exit code %d\n%s", args, code, &out)
	}
}

// start makes the channel and serves it until the test ends.
func (a appliance) start(t *testing.T, resolver string) {
	t.Helper()
	a.say(t, "init", "--domain", "video.example", "--name", "Workshop", "--handle", "me")
	for key, value := range map[string]string{
		"tls": "auto", "listen": fmt.Sprint("127.0.0.1:", a.port), "seed": "off",
		"tls.directory": a.ca.Directory, "tls.ca_file": a.ca.CAFile, "tls.resolver": resolver,
	} {
		a.say(t, "config", "set", key, value)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	var out bytes.Buffer
	go func() { ended <- cli.Main(ctx, []string{"serve", "--data", a.data}, nil, &out, &out) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("serve: exit code %d\n%s", code, &out)
		}
	})
}

// TestFigureCertificate measures from init to the first visitor who is shown a certificate
// of the authority, and counts the orders that the authority saw.
func TestFigureCertificate(t *testing.T) {
	a := appliance{data: filepath.Join(t.TempDir(), "data"), port: acmetest.FreePort(t)}
	a.ca = acmetest.Start(t, acmetest.Options{TLSPort: a.port})
	begin := time.Now()
	a.start(t, a.ca.DNS)
	var took time.Duration
	for deadline := begin.Add(60 * time.Second); took == 0; time.Sleep(5 * time.Millisecond) {
		c, err := tls.Dial("tcp", fmt.Sprint("127.0.0.1:", a.port), &tls.Config{ServerName: "video.example", InsecureSkipVerify: true})
		if err == nil {
			took = time.Since(begin)
			leaf := c.ConnectionState().PeerCertificates[0]
			c.Close()
			if err := leaf.VerifyHostname("video.example"); err != nil || leaf.Issuer.CommonName == leaf.Subject.CommonName {
				t.Errorf("%v, from %s", err, leaf.Issuer)
			}
		} else if time.Now().After(deadline) {
			t.Fatalf("no certificate: %v\n%s", err, a.ca.Log())
		}
	}
	if n := a.ca.Orders(); n != 1 {
		t.Errorf("the authority saw %d orders", n)
	}
	t.Logf("init + serve until a visitor is shown pebble's certificate: %.1f s; orders: %d", took.Seconds(), a.ca.Orders())

	nowhere := appliance{data: filepath.Join(t.TempDir(), "data"), port: acmetest.FreePort(t), ca: a.ca}
	nowhere.start(t, fmt.Sprint("127.0.0.1:", acmetest.FreePort(t)))
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, err := certs.Status(nowhere.data)
		if err != nil {
			t.Fatal(err)
		}
		if s.Holds > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", s)
		}
	}
	if n := a.ca.Orders(); n != 1 {
		t.Errorf("the authority saw %d orders for a name that leads nowhere", n-1)
	}
	t.Logf("orders when the pre-flight fails: %d", a.ca.Orders()-1)
}
