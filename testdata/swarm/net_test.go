//go:build bench

package swarm

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	home    = "10.78.0.1" // the server's address on the private network
	port    = "18500"
	bench   = "18501" // the page of p2p-media-loader
	origin  = "home"  // the namespace of the server
	hub     = "hub"   // of the bridge
	viewers = 6
)

// named returns the machine's name of a namespace. SWARM_NET keeps two benchmarks apart.
func named(space string) string { return cmp.Or(os.Getenv("SWARM_NET"), "tbswarm") + "-" + space }

// network is a namespace for the server and one for each viewer, joined by a bridge in
// a namespace of its own. What leaves a namespace passes a token bucket (tc tbf): the
// home's uplink and each viewer's, whatever the bytes are. There is no latency and no
// NAT. The kernel counts what leaves.
type network struct{ t *testing.T }

func viewerSpace(i int) string { return "v" + strconv.Itoa(i) }

// newNetwork lays the network out; it takes root. What an earlier run left goes first.
func newNetwork(t *testing.T) network {
	t.Helper()
	n := network{t}
	spaces := []string{hub, origin}
	for i := range viewers + 1 { // one more for a mirror
		spaces = append(spaces, viewerSpace(i))
	}
	for _, s := range spaces {
		_ = exec.Command("ip", "netns", "del", named(s)).Run()
		n.ip("netns", "add", named(s))
		n.ip("-n", named(s), "link", "set", "lo", "up")
		homely(t, s)
	}
	t.Cleanup(func() {
		for _, s := range spaces {
			_ = exec.Command("ip", "netns", "del", named(s)).Run()
		}
	})
	n.ip("-n", named(hub), "link", "add", "name", "join", "type", "bridge")
	n.ip("-n", named(hub), "link", "set", "join", "up")
	n.join(origin, home)
	for i := range viewers + 1 {
		n.join(viewerSpace(i), fmt.Sprintf("10.78.0.%d", 11+i))
	}
	return n
}

// homely gives a namespace the congestion control that Debian and Raspberry Pi OS come
// with, or Reno, which is like it on so short a line, where the kernel does not let us.
// BBR, which some machines have, throws away thousands of packets in a queue like ours.
func homely(t *testing.T, space string) {
	t.Helper()
	for _, control := range []string{"cubic", "reno"} {
		err := exec.Command("ip", "netns", "exec", named(space), "sysctl", "-q", "-w", "net.ipv4.tcp_congestion_control="+control).Run()
		if err == nil {
			return
		}
	}
	t.Fatalf("namespace %s: neither cubic nor reno", space)
}

// join links a namespace to the bridge. A default route makes browsers believe that
// they are online.
func (n network) join(space, address string) {
	n.t.Helper()
	end := "to-" + space
	n.ip("-n", named(space), "link", "add", "eth0", "type", "veth", "peer", "name", end, "netns", named(hub))
	n.ip("-n", named(hub), "link", "set", end, "master", "join", "up")
	n.ip("-n", named(space), "addr", "add", address+"/24", "dev", "eth0")
	n.ip("-n", named(space), "link", "set", "eth0", "up")
	n.ip("-n", named(space), "route", "add", "default", "via", "10.78.0.254")
}

// shape limits what leaves a namespace, in bit/s; 0 is unlimited. The queue holds a
// quarter of a second, as home routers' do.
func (n network) shape(space string, rate int64) {
	n.t.Helper()
	_ = exec.Command("tc", "-n", named(space), "qdisc", "del", "dev", "eth0", "root").Run()
	if rate == 0 {
		return
	}
	n.run("tc", "-n", named(space), "qdisc", "add", "dev", "eth0", "root", "tbf",
		"rate", strconv.FormatInt(rate, 10)+"bit", "burst", "16kb", "latency", "250ms")
}

// sent returns the bytes that have left a namespace, headers and all.
func (n network) sent(space string) int64 {
	n.t.Helper()
	out := n.run("ip", "netns", "exec", named(space), "cat", "/sys/class/net/eth0/statistics/tx_bytes")
	total, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return total
}

func (n network) ip(args ...string) { n.t.Helper(); n.run("ip", args...) }

func (n network) run(name string, args ...string) string {
	n.t.Helper()
	return execute(n.t, name, args...)
}

// within runs do on a thread that lives in a namespace; sockets opened there stay there.
func within(t *testing.T, space string, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		f, err := os.Open(filepath.Join("/run/netns", named(space)))
		if err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			f.Close()
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("enter namespace %s: %v", space, err)
	}
}
