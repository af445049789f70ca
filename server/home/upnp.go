package home

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	searchAddress = "239.255.255.250:1900"
	searchTime    = 3 * time.Second
	askTime       = 5 * time.Second
	answerBytes   = 256 << 10
	repliesRead   = 32 // of a search
	depth         = 8  // of devices within devices

	onlyPermanent = 725 // UPnP: the router takes no mapping that ends
)

// search asks at addr who is a router, and takes the first that is one.
func search(ctx context.Context, addr string) (router, error) {
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, fmt.Errorf("search the router: %w", err)
	}
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, fmt.Errorf("search the router: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	_ = c.SetDeadline(time.Now().Add(searchTime))
	for _, kind := range []string{"InternetGatewayDevice:1", "InternetGatewayDevice:2"} {
		_, err = c.WriteToUDP([]byte("M-SEARCH * HTTP/1.1\r\nHOST: "+searchAddress+"\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\n"+
			"ST: urn:schemas-upnp-org:device:"+kind+"\r\n\r\n"), to)
		if err != nil {
			return nil, fmt.Errorf("search the router: %w", err)
		}
	}
	reason := errNoRouter
	buf := make([]byte, 4096)
	for range repliesRead {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			break // nobody else answers
		}
		g, err := describe(ctx, buf[:n], from.Addr().Unmap())
		if err == nil {
			return g, nil
		}
		reason = err
	}
	return nil, reason
}

// gateway is a router that speaks UPnP.
type gateway struct {
	control, service string
	local            netip.Addr // ours, as the router sees it
	client           *http.Client
}

// describe reads what answered a search. A router describes itself on its own address, in
// our own network.
func describe(ctx context.Context, reply []byte, from netip.Addr) (*gateway, error) {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(reply)), nil)
	if err != nil {
		return nil, fmt.Errorf("read a router's answer: %w", err)
	}
	res.Body.Close()
	at, err := url.Parse(res.Header.Get("Location"))
	if err != nil || at.Scheme != "http" || at.Hostname() != from.String() || !(from.IsPrivate() || from.IsLoopback() || from.IsLinkLocalUnicast()) {
		return nil, errors.New("what answers for the router is elsewhere")
	}
	g := &gateway{client: &http.Client{
		Timeout: askTime, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	text, err := g.fetch(ctx, http.MethodGet, at.String(), nil, nil)
	if err != nil {
		return nil, err
	}
	var root struct {
		Device device `xml:"device"`
	}
	if err := xml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("read the router's description: %w", err)
	}
	service, ok := root.Device.connection(depth)
	if !ok {
		return nil, errors.New("the router maps no ports")
	}
	control, err := at.Parse(service.Control)
	if err != nil || control.Host != at.Host || control.Scheme != "http" {
		return nil, errors.New("the router is controlled elsewhere")
	}
	g.control, g.service = control.String(), service.Type
	return g, g.findLocal(ctx, at.Host)
}

type device struct {
	Services []service `xml:"serviceList>service"`
	Devices  []device  `xml:"deviceList>device"`
}

type service struct {
	Type    string `xml:"serviceType"`
	Control string `xml:"controlURL"`
}

// connection finds the service that maps ports.
func (d device) connection(depth int) (service, bool) {
	for _, s := range d.Services {
		kinds := []string{"WANIPConnection:1", "WANIPConnection:2", "WANPPPConnection:1"}
		if slices.Contains(kinds, strings.TrimPrefix(s.Type, "urn:schemas-upnp-org:service:")) {
			return s, true
		}
	}
	for _, inner := range d.Devices {
		if s, ok := inner.connection(depth - 1); ok && depth > 0 {
			return s, true
		}
	}
	return service{}, false
}

func (g *gateway) findLocal(ctx context.Context, host string) error {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "80")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("reach the router: %w", err)
	}
	defer c.Close()
	local, err := netip.ParseAddrPort(c.LocalAddr().String())
	g.local = local.Addr().Unmap()
	return err
}

// Map has a port sent here, and looks whether it is.
func (g *gateway) Map(ctx context.Context, p Port, lease time.Duration) (time.Duration, error) {
	arguments := func(seconds int) [][2]string {
		return append(key(p), [2]string{"NewInternalPort", strconv.Itoa(int(p.Number))}, [2]string{"NewInternalClient", g.local.String()},
			[2]string{"NewEnabled", "1"}, [2]string{"NewPortMappingDescription", "tubelet"}, [2]string{"NewLeaseDuration", strconv.Itoa(seconds)})
	}
	_, err := g.call(ctx, "AddPortMapping", arguments(int(lease.Seconds())))
	if fault, ok := errors.AsType[*fault](err); ok && fault.code == onlyPermanent {
		lease = 0
		_, err = g.call(ctx, "AddPortMapping", arguments(0))
	}
	if err != nil {
		return 0, err
	}
	answer, err := g.call(ctx, "GetSpecificPortMappingEntry", key(p))
	if err != nil {
		return 0, fmt.Errorf("look whether it is mapped: %w", err)
	}
	if answer["NewInternalClient"] != g.local.String() || answer["NewInternalPort"] != strconv.Itoa(int(p.Number)) {
		return 0, fmt.Errorf("the router sends it to %.60q", answer["NewInternalClient"])
	}
	if given, err := strconv.Atoi(answer["NewLeaseDuration"]); err == nil && given > 0 && time.Duration(given)*time.Second < lease {
		lease = time.Duration(given) * time.Second
	}
	return lease, nil
}

// Unmap ends that.
func (g *gateway) Unmap(ctx context.Context, p Port) error {
	_, err := g.call(ctx, "DeletePortMapping", key(p))
	return err
}

// Address is the router's own address outside.
func (g *gateway) Address(ctx context.Context) (netip.Addr, error) {
	answer, err := g.call(ctx, "GetExternalIPAddress", nil)
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(answer["NewExternalIPAddress"])
}

func key(p Port) [][2]string {
	return [][2]string{{"NewRemoteHost", ""}, {"NewExternalPort", strconv.Itoa(int(p.Number))}, {"NewProtocol", strings.ToUpper(p.Protocol)}}
}

// fault is an error that the router names.
type fault struct {
	code int
	text string
}

func (f *fault) Error() string { return fmt.Sprintf("the router says %d %.100s", f.code, f.text) }

// call asks the router for something, and returns the values of its answer.
func (g *gateway) call(ctx context.Context, action string, arguments [][2]string) (map[string]string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" `+
		`s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:%s xmlns:u="%s">`, action, g.service)
	for _, a := range arguments {
		fmt.Fprintf(&b, "<%s>%s</%s>", a[0], a[1], a[0])
	}
	fmt.Fprintf(&b, "</u:%s></s:Body></s:Envelope>", action)
	text, err := g.fetch(ctx, http.MethodPost, g.control, &b, map[string]string{
		"Content-Type": `text/xml; charset="utf-8"`, "SOAPAction": `"` + g.service + "#" + action + `"`,
	})
	values := leaves(text)
	if code, bad := strconv.Atoi(values["errorCode"]); bad == nil {
		return nil, &fault{code, values["errorDescription"]}
	}
	return values, err
}

// leaves returns the text of each element that holds no other, by its name.
func leaves(text []byte) map[string]string {
	found := map[string]string{}
	d := xml.NewDecoder(bytes.NewReader(text))
	for name, value := "", ""; ; {
		token, err := d.Token()
		if err != nil {
			return found // what came before counts
		}
		switch t := token.(type) {
		case xml.StartElement:
			name, value = t.Name.Local, ""
		case xml.CharData:
			value += string(t)
		case xml.EndElement:
			if t.Name.Local == name {
				found[name] = strings.TrimSpace(value)
			}
			name = ""
		}
	}
}

func (g *gateway) fetch(ctx context.Context, method, address string, body io.Reader, header map[string]string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	for name, value := range header {
		r.Header[name] = []string{value} // some routers look at the case
	}
	res, err := g.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerBytes))
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return text, fmt.Errorf("ask the router: it answers %s", res.Status)
	}
	return text, nil
}
