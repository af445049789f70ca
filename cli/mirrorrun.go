package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/cli/exit"
	"github.com/tubelet/tubelet/cli/line"
	"github.com/tubelet/tubelet/seed/mirror"
)

type mirrorRun struct {
	port    uint16
	listen  string
	public  []string
	address string
}

func newMirrorRun(a *app.App) *cobra.Command {
	var o mirrorRun
	c := &cobra.Command{
		Use:   "run",
		Short: "Fetch and give until stopped",
		Long: `Fetches what the mirrored channels publish and gives it to their viewers, until it gets SIGTERM
or Ctrl-C. Behind a router, forward the UDP port to this machine and say with --public what
your address is; a machine with an address of its own needs neither.`,
		Example: "  tubelet mirror run\n  tubelet mirror run --port 9000 --public 203.0.113.7",
		Args:    line.Words(),
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context(), a) },
	}
	f := c.Flags()
	f.Uint16Var(&o.port, "port", 8443, "UDP `PORT` for viewers' browsers")
	f.StringVar(&o.address, "bind", "", "`ADDR`ess of this machine to use (default all)")
	f.StringVar(&o.listen, "listen", "", "`ADDR`ess for torrent programs over TCP and uTP, such as :6881 (default none)")
	f.StringArrayVar(&o.public, "public", nil, "`ADDR`ess of this machine as the world sees it, repeated (default those it has)")
	line.Exits(c, exit.Conflict)
	return c
}

func (o mirrorRun) run(ctx context.Context, a *app.App) error {
	var public []netip.Addr
	for _, text := range o.public {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return exit.Usagef("--public %q: it is an address such as 203.0.113.7", text)
		}
		public = append(public, ip)
	}
	bind := net.IP(nil)
	if o.address != "" {
		if bind = net.ParseIP(o.address); bind == nil {
			return exit.Usagef("--bind %q: it is an address such as 192.168.1.2", o.address)
		}
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: bind, Port: int(o.port)})
	if err != nil {
		return fmt.Errorf("open the port for browsers: %w", err)
	}
	defer conn.Close()
	m, err := openMirror(a, func(cfg *mirror.Config) {
		cfg.Conn, cfg.Command, cfg.Listen, cfg.Log = conn, seedProcess, o.listen, logger(a, new(slog.LevelVar), "auto")
		if len(public) > 0 {
			cfg.PublicIPs = func() []netip.Addr { return public }
		}
	})
	if err != nil {
		return err
	}
	if !a.JSON {
		_ = a.Printf("Mirroring, with UDP port %s\n", conn.LocalAddr()) // it mirrors whether anybody reads that or not
	}
	return m.Run(ctx)
}
