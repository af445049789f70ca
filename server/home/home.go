// Package home makes a server behind a router at home reachable, where the creator wants
// that (setting ports): it has the router send ports here, by UPnP or NAT-PMP, renews that
// at half-time, and takes it back at the stop. It also watches the address of this place on
// the internet, and runs the creator's command when it has changed.
//
// What routers say is strangers' bytes: answers are bounded, and only addresses of the own
// network are spoken to.
package home

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Port is one that strangers should reach.
type Port struct {
	Protocol string // tcp or udp
	Number   uint16
}

// router is what a home's router does for us.
type router interface {
	Map(ctx context.Context, p Port, lease time.Duration) (time.Duration, error) // the lease that was given, 0 for good
	Unmap(ctx context.Context, p Port) error
	Address(ctx context.Context) (netip.Addr, error)
}

// Config says what to do.
type Config struct {
	Ports   []Port // to have sent here; none without the setting
	Command []string
	Own     func() []netip.Addr                   // addresses of this machine that the internet reaches
	Find    func(context.Context) (router, error) // nil looks for one
	Log     *slog.Logger
}

const (
	lease       = time.Hour
	every       = 5 * time.Minute // between two looks at the address
	commandTime = time.Minute
	lastTime    = 3 * time.Second // to take back what was mapped
)

// Keeper keeps ports and looks at addresses.
type Keeper struct {
	cfg     Config
	router  router // the last that was found, for back even when it maps nothing now
	lost    bool   // it mapped nothing the last time: it may be another one by now
	mapped  []Port
	renew   time.Time
	last    []netip.Addr
	outside netip.Addr // where the internet reaches the router, as it said last
	failed  string
}

// New returns a Keeper.
func New(cfg Config) *Keeper {
	if cfg.Find == nil {
		cfg.Find = Find
	}
	return &Keeper{cfg: cfg}
}

// Run keeps ports and looks at the address until ctx ends, and takes the ports back.
func (k *Keeper) Run(ctx context.Context) error {
	if len(k.cfg.Ports) == 0 && len(k.cfg.Command) == 0 {
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.back(context.WithoutCancel(ctx))
			return nil
		case <-timer.C:
			k.round(ctx, time.Now())
			timer.Reset(every)
		}
	}
}

// round does what is due.
func (k *Keeper) round(ctx context.Context, now time.Time) {
	if len(k.cfg.Ports) > 0 && !now.Before(k.renew) {
		if err := k.keep(ctx, now); err != nil && ctx.Err() == nil && err.Error() != k.failed {
			k.failed = err.Error()
			k.cfg.Log.Warn("router does not send ports here", "err", err)
		} else if err == nil {
			k.failed = ""
		}
	}
	addrs := k.addresses(ctx)
	if len(addrs) == 0 || slices.Equal(addrs, k.last) {
		return
	}
	known := k.last != nil
	k.last = addrs
	if known {
		k.cfg.Log.Info("address changed", "addresses", addrs)
	}
	if err := k.tell(ctx, addrs); err != nil && ctx.Err() == nil {
		k.cfg.Log.Error("command of on_address_change failed", "err", err)
	}
}

// keep maps the ports, and finds the router first when there is none yet.
func (k *Keeper) keep(ctx context.Context, now time.Time) error {
	k.renew = now.Add(every)
	if k.router == nil || k.lost {
		r, err := k.cfg.Find(ctx)
		if err != nil {
			return err
		}
		k.router = r
	}
	var errs []error
	next := lease / 2
	for _, p := range k.cfg.Ports {
		given, err := k.router.Map(ctx, p, lease)
		if err != nil {
			// A router that keeps a port to itself may send the others.
			errs = append(errs, fmt.Errorf("map port %d/%s: %w", p.Number, p.Protocol, err))
			next = min(next, every)
			continue
		}
		if !slices.Contains(k.mapped, p) {
			k.mapped = append(k.mapped, p)
			k.cfg.Log.Info("router sends port here", "port", p.Number, "protocol", p.Protocol, "lease", given)
		}
		if given > 0 {
			next = min(next, given/2)
		}
	}
	k.lost = len(errs) == len(k.cfg.Ports)
	k.renew = now.Add(max(next, time.Minute))
	return errors.Join(errs...)
}

// back takes back what was mapped.
func (k *Keeper) back(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastTime)
	defer cancel()
	for _, p := range k.mapped {
		if k.router == nil {
			return
		}
		if err := k.router.Unmap(ctx, p); err != nil {
			k.cfg.Log.Warn("router still sends port here", "port", p.Number, "err", err)
		}
	}
}

// addresses is where the internet reaches this place, sorted: the router's and ours. A router
// that does not answer, or has no public address just now, is taken to be where it was.
func (k *Keeper) addresses(ctx context.Context) []netip.Addr {
	list := slices.Clone(k.cfg.Own())
	if k.router != nil {
		if a, err := k.router.Address(ctx); err == nil && public(a.Unmap()) {
			k.outside = a.Unmap()
		}
	}
	if k.outside.IsValid() {
		list = append(list, k.outside)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// public reports whether the internet reaches an address: not one behind another router, nor
// one that a provider's customers share (RFC 6598).
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

// tell runs the creator's command, with the addresses in its environment and no shell.
func (k *Keeper) tell(ctx context.Context, addrs []netip.Addr) error {
	if len(k.cfg.Command) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	v4, v6 := "", ""
	for _, a := range addrs {
		if a.Is4() && v4 == "" {
			v4 = a.String()
		} else if a.Is6() && v6 == "" {
			v6 = a.String()
		}
	}
	c := exec.CommandContext(ctx, k.cfg.Command[0], k.cfg.Command[1:]...)
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TUBELET_IPV4=" + v4, "TUBELET_IPV6=" + v6}
	c.WaitDelay = time.Second
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %.300s", c.Path, err, strings.TrimSpace(string(out)))
	}
	return nil
}
