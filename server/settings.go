package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/front"
	"github.com/tubelet/tubelet/server/home"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/share"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// heedEvery is how soon a changed setting is taken over where no job begins.
const heedEvery = time.Second

// heed takes over the settings that a running server obeys: how renditions are made, and
// what is logged. It is called before each job, so that a job begins as was last said.
func (cfg Config) heed(ctx context.Context) error {
	if cfg.Level != nil {
		text, err := cfg.Store.Setting(ctx, "log_level")
		if err != nil {
			return err
		}
		if err := cfg.Level.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("read setting log_level: %w", err)
		}
	}
	return work.Tune(ctx, cfg.Store, cfg.Media)
}

// trust takes over whose word about visitors' addresses is believed.
func (s *site) trust(ctx context.Context) error {
	text, err := s.store.Setting(ctx, "trusted_proxies")
	if err != nil {
		return err
	}
	switch {
	case text == "none" || text == "auto" && (s.local || s.secure):
		text = ""
	case text == "auto":
		text = ownNetworks
	}
	list := []netip.Prefix{}
	for _, word := range strings.Fields(text) {
		network, err := netip.ParsePrefix(word)
		if err != nil {
			return fmt.Errorf("read setting trusted_proxies: %w", err)
		}
		list = append(list, network)
	}
	s.proxies.Store(&list)
	return nil
}

// ownNetworks is where a proxy of one's own is.
const ownNetworks = "127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"

// attend says to systemd how we are, and reads certificates and settings again when asked to.
func (s *site) attend(ctx context.Context, cfg Config, door *front.Front) error {
	m, status := cfg.Manager, "Serving "+s.channel.Domain+" on "+door.Addr()
	s.tell(m.Ready(status))
	var alive <-chan time.Time
	if every := m.Every(); every > 0 {
		tick := time.NewTicker(every)
		defer tick.Stop()
		alive = tick.C
	}
	for {
		select {
		case <-ctx.Done():
			s.tell(m.Stopping())
			return nil
		case <-alive:
			s.tell(m.Alive())
		case <-cfg.Reload:
			s.tell(m.Reloading())
			door.Reload()
			if err := s.heedAll(ctx, cfg); err != nil && ctx.Err() == nil {
				s.log.Warn("settings not taken over", "err", err)
			}
			s.log.Info("settings and certificate read again")
			s.tell(m.Ready(status))
		}
	}
}

// reach makes the server reachable behind a router, and looks at its address, where the
// settings say so.
func (s *site) reach(ctx context.Context, door *front.Front) error {
	set := map[string]string{"ports": "", "on_address_change": "", "seed": "", "seed.port": ""}
	for key := range set {
		var err error
		if set[key], err = s.store.Setting(ctx, key); err != nil {
			return fmt.Errorf("find out how to be reached: %w", err)
		}
	}
	cfg := home.Config{Own: setup.PublicAddresses, Log: s.log}
	var err error
	if cfg.Command, err = store.SplitCommand(set["on_address_change"]); err != nil {
		return fmt.Errorf("read setting on_address_change: %w", err)
	}
	if set["ports"] == "upnp" && !s.local {
		ports := []uint16{443, 80} // of the proxy on this machine
		if door.Secure() {
			ports = door.Ports()
		}
		for _, port := range ports {
			cfg.Ports = append(cfg.Ports, home.Port{Protocol: "tcp", Number: port})
		}
		if set["seed"] == "on" {
			cfg.Ports = append(cfg.Ports, home.Port{Protocol: "udp", Number: share.Port(set["seed.port"])})
		}
	}
	return home.New(cfg).Run(ctx)
}

// tell logs that systemd does not listen: that is its own loss.
func (s *site) tell(err error) {
	if err != nil {
		s.log.Warn("systemd not told", "err", err)
	}
}

// heedAll takes over everything that a running server obeys.
func (s *site) heedAll(ctx context.Context, cfg Config) error {
	return errors.Join(cfg.heed(ctx), s.trust(ctx))
}

// heedChanges calls heedAll after commits. A setting that cannot be read now is read again.
func (s *site) heedChanges(ctx context.Context, cfg Config) error {
	tick := time.NewTicker(heedEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		version, err := cfg.Store.DataVersion(ctx)
		if err == nil && version != seen {
			if err = s.heedAll(ctx, cfg); err == nil {
				seen = version
			}
		}
		if err != nil && ctx.Err() == nil {
			cfg.Log.Warn("settings not taken over", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
