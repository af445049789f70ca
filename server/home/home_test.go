package home

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// igd is a router on loopback.
type igd struct {
	mu        sync.Mutex
	permanent bool   // takes no mapping that ends
	liar      bool   // sends ports to somebody else
	refused   string // a port that it keeps to itself, or all
	mapped    map[string]string
	calls     []string
	outside   string
	ssdp      string
}

const description = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceList><device><deviceList><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType><controlURL>/no</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>%s</controlURL></service>
</serviceList></device></deviceList></device></deviceList></device></root>`

func newIGD(t *testing.T, control string) *igd {
	r := &igd{mapped: map[string]string{}, outside: "203.0.113.7"}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/desc.xml" {
			fmt.Fprintf(w, description, control)
			return
		}
		r.control(w, q)
	}))
	t.Cleanup(web.Close)
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r.ssdp = c.LocalAddr().String()
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := c.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if strings.HasPrefix(string(buf[:n]), "M-SEARCH * HTTP/1.1\r\n") {
				_, _ = c.WriteToUDP([]byte("nonsense"), from)
				_, _ = c.WriteToUDP([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://198.51.100.1/desc.xml\r\n\r\n"), from)
				_, _ = c.WriteToUDP([]byte("HTTP/1.1 200 OK\r\nLOCATION: "+web.URL+"/desc.xml\r\n\r\n"), from)
			}
		}
	}()
	return r
}

func (r *igd) control(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, _ := io.ReadAll(q.Body)
	v := leaves(text)
	_, action, _ := strings.Cut(strings.Trim(q.Header.Get("SOAPAction"), `"`), "#")
	port := v["NewExternalPort"] + "/" + v["NewProtocol"]
	r.calls = append(r.calls, strings.TrimSpace(action+" "+port+" "+v["NewLeaseDuration"]))
	fail := func(code int) {
		w.WriteHeader(500)
		fmt.Fprintf(w, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><detail><UPnPError><errorCode>%d</errorCode><errorDescription>no</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`, code)
	}
	switch action {
	case "AddPortMapping":
		if r.permanent && v["NewLeaseDuration"] != "0" {
			fail(725)
			return
		}
		if r.refused == port || r.refused == "all" {
			fail(718)
			return
		}
		r.mapped[port] = v["NewInternalClient"]
	case "GetSpecificPortMappingEntry":
		client, ok := r.mapped[port]
		if !ok {
			fail(714)
			return
		}
		if r.liar {
			client = "192.168.1.99"
		}
		fmt.Fprintf(w, `<r><NewInternalPort>%s</NewInternalPort><NewInternalClient>%s</NewInternalClient><NewLeaseDuration>3600</NewLeaseDuration></r>`, v["NewExternalPort"], client)
	case "DeletePortMapping":
		delete(r.mapped, port)
	case "GetExternalIPAddress":
		fmt.Fprintf(w, `<r><NewExternalIPAddress>%s</NewExternalIPAddress></r>`, r.outside)
	default:
		fail(401)
	}
}

func (r *igd) keeper(t *testing.T, command ...string) *Keeper {
	return New(Config{
		Ports: []Port{{"tcp", 443}, {"udp", 8443}}, Command: command, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Own:  func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("2001:db8::7")} },
		Find: func(ctx context.Context) (router, error) { return search(ctx, r.ssdp) },
	})
}

func TestMapRenewTakeBack(t *testing.T) {
	t.Parallel()
	r := newIGD(t, "/ctl")
	k := r.keeper(t)
	now := time.Now()
	k.round(t.Context(), now)
	if len(r.mapped) != 2 || r.mapped["443/TCP"] != "127.0.0.1" || r.mapped["8443/UDP"] != "127.0.0.1" {
		t.Fatalf("mapped %v", r.mapped)
	}
	if wait := k.renew.Sub(now); wait != 30*time.Minute {
		t.Errorf("renewed in %v", wait)
	}
	clear(r.mapped) // the router was switched off and on
	k.round(t.Context(), now.Add(20*time.Minute))
	if len(r.mapped) != 0 {
		t.Error("renewed before its time")
	}
	k.round(t.Context(), now.Add(31*time.Minute))
	if len(r.mapped) != 2 {
		t.Errorf("not renewed: %v", r.mapped)
	}
	k.back(t.Context())
	if len(r.mapped) != 0 {
		t.Errorf("still mapped: %v", r.mapped)
	}
}

// TestRefused has a router that keeps a port to itself, and then all of them.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := newIGD(t, "/ctl")
	r.refused = "443/TCP"
	k := r.keeper(t)
	found := 0
	search := k.cfg.Find
	k.cfg.Find = func(ctx context.Context) (router, error) { found++; return search(ctx) }
	now := time.Now()
	err := k.keep(t.Context(), now)
	if err == nil || !strings.Contains(err.Error(), "map port 443/tcp") || strings.Contains(err.Error(), "8443") {
		t.Errorf("%v", err)
	}
	if len(r.mapped) != 1 || r.mapped["8443/UDP"] == "" || k.renew.Sub(now) != every {
		t.Errorf("mapped %v, tried again in %v", r.mapped, k.renew.Sub(now))
	}
	r.refused = "all"
	for range 2 { // after the first it may be another router
		err = k.keep(t.Context(), now)
		if err == nil || !strings.Contains(err.Error(), "443/tcp") || !strings.Contains(err.Error(), "8443/udp") {
			t.Errorf("%v", err)
		}
	}
	if found != 2 {
		t.Errorf("searched %d times", found)
	}
	k.cfg.Find = func(context.Context) (router, error) { return nil, errNoRouter }
	if err := k.keep(t.Context(), now); !errors.Is(err, errNoRouter) {
		t.Errorf("%v", err)
	}
	k.back(t.Context())
	if len(r.mapped) != 0 {
		t.Errorf("still mapped: %v", r.mapped)
	}
}

func TestOnlyPermanent(t *testing.T) {
	t.Parallel()
	r := newIGD(t, "/ctl")
	r.permanent = true
	k := r.keeper(t)
	k.round(t.Context(), time.Now())
	if len(r.mapped) != 2 || !strings.Contains(strings.Join(r.calls, "\n"), "AddPortMapping 443/TCP 3600\nAddPortMapping 443/TCP 0") {
		t.Errorf("%v after %q", r.mapped, r.calls)
	}
}

func TestRoutersThatDoNot(t *testing.T) {
	t.Parallel()
	liar := newIGD(t, "/ctl")
	liar.liar = true
	elsewhere := newIGD(t, "http://198.51.100.1/ctl")
	for name, r := range map[string]*igd{"another client": liar, "controlled elsewhere": elsewhere} {
		k := r.keeper(t)
		if err := k.keep(t.Context(), time.Now()); err == nil || len(k.mapped) != 0 {
			t.Errorf("%s: %v, %v", name, err, k.mapped)
		}
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := search(t.Context(), c.LocalAddr().String()); !errors.Is(err, errNoRouter) {
		t.Errorf("nobody: %v", err)
	}
}

// TestNothingAsked has the setting off.
func TestNothingAsked(t *testing.T) {
	k := New(Config{Log: slog.New(slog.DiscardHandler), Find: func(context.Context) (router, error) {
		t.Error("a router was looked for")
		return nil, errNoRouter
	}})
	if err := k.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAddressChange(t *testing.T) {
	t.Parallel()
	r := newIGD(t, "/ctl")
	out := filepath.Join(t.TempDir(), "out put")
	script := filepath.Join(t.TempDir(), "update")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$1 $TUBELET_IPV4 $TUBELET_IPV6 $HOME.\" >> \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := r.keeper(t, script, out)
	said := func(want string) {
		t.Helper()
		text, err := os.ReadFile(out)
		if err != nil || string(text) != want {
			t.Errorf("%q, %v; want %q", text, err, want)
		}
	}
	now := time.Now()
	k.round(t.Context(), now)
	first := out + " 203.0.113.7 2001:db8::7 .\n"
	said(first)
	k.round(t.Context(), now.Add(every))
	said(first) // it is the same
	r.mu.Lock()
	r.outside = "203.0.113.8"
	r.mu.Unlock()
	k.round(t.Context(), now.Add(2*every))
	second := first + out + " 203.0.113.8 2001:db8::7 .\n"
	said(second)
	// No answer, or one that the internet does not reach, is no change.
	for i, outside := range []string{"", "0.0.0.0", "192.168.0.7", "100.64.3.4", "::ffff:10.0.0.1"} {
		r.mu.Lock()
		r.outside = outside
		r.mu.Unlock()
		k.round(t.Context(), now.Add(time.Duration(3+i)*every))
		said(second)
	}
}

// TestNoPublicAddress has a router behind another from the start.
func TestNoPublicAddress(t *testing.T) {
	t.Parallel()
	r := newIGD(t, "/ctl")
	r.outside = "100.127.255.254"
	k := r.keeper(t)
	k.round(t.Context(), time.Now())
	if len(k.last) != 1 || !k.last[0].Is6() {
		t.Errorf("announced %v", k.last)
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nLOCATION: http://203.0.113.1/d\r\n\r\n"), []byte("<a><b>c</b></a>"))
	f.Fuzz(func(t *testing.T, reply, text []byte) {
		if _, err := describe(t.Context(), reply, netip.MustParseAddr("203.0.113.9")); err == nil {
			t.Error("somebody outside is a router")
		}
		leaves(text)
	})
}
