package front

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/store"
)

// set is the settings that matter here.
type set struct {
	listen, redirect, mode, cert, key, directory, ca, email, resolver string
}

func settings(ctx context.Context, s *store.Store) (set, error) {
	var all set
	for key, to := range map[string]*string{
		"listen": &all.listen, "listen.redirect": &all.redirect, "tls": &all.mode, "tls.cert": &all.cert, "tls.key": &all.key,
		"tls.directory": &all.directory, "tls.ca_file": &all.ca, "tls.email": &all.email, "tls.resolver": &all.resolver,
	} {
		var err error
		if *to, err = s.Setting(ctx, key); err != nil {
			return set{}, fmt.Errorf("find out how to listen: %w", err)
		}
	}
	return all, nil
}

// openTLS prepares the certificate and the door on port 80.
func (f *Front) openTLS(ctx context.Context, set set) error {
	if err := f.openRedirect(ctx, set); err != nil {
		return err
	}
	if set.mode == "files" {
		files, err := certs.ReadFiles(f.cfg.Data, f.cfg.Channel.Domain, set.cert, set.key, f.cfg.Log)
		if err != nil {
			return fmt.Errorf("serve with own certificate: %w", err)
		}
		f.source, f.reload = files, files.Reload
		return nil
	}
	keeper, err := certs.New(certs.Config{
		Data: f.cfg.Data, Host: f.cfg.Channel.Domain, Directory: set.directory, CAFile: set.ca, Email: set.email,
		Redirect: f.redirect != nil, Resolve: resolver(set.resolver), Log: f.cfg.Log,
	})
	if err != nil {
		return fmt.Errorf("serve with a certificate by ACME: %w", err)
	}
	f.source, f.reload = keeper, keeper.Reload
	return nil
}

// openRedirect listens on port 80 where that is wanted. Beside port 443 it is a comfort, so
// that a site without it is served all the same.
func (f *Front) openRedirect(ctx context.Context, set set) error {
	if f.redirect != nil || set.redirect == "off" {
		return nil
	}
	addr := set.redirect
	if addr == "auto" {
		host, port, err := net.SplitHostPort(f.Addr())
		if err != nil || port != "443" {
			return nil
		}
		addr = net.JoinHostPort(host, "80")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil && set.redirect == "auto" {
		f.cfg.Log.Info("visitors of port 80 are not sent to https", "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	f.redirect = l
	return nil
}

// resolver asks one DNS server, nil for the system's.
func resolver(server string) func(context.Context, string) ([]netip.Addr, error) {
	if server == "" {
		return nil
	}
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
	return func(ctx context.Context, host string) ([]netip.Addr, error) { return r.LookupNetIP(ctx, "ip", host) }
}
