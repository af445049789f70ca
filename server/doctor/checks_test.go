package doctor

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/knock"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
	"github.com/tubelet/tubelet/store/social"
)

func inode(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(info.Sys().(*syscall.Stat_t).Ino, 10)
}

func record(text string) *dnsmessage.UnknownResource {
	return &dnsmessage.UnknownResource{Type: typeCAA, Data: append([]byte{0, 5}, "issue"+text...)}
}

// try is a world for one check, and what the check has to say of it.
type try struct {
	id, name string
	world    func(*fixture)
	level    Level
	says     string // in cause or remedy
}

func nothing(*fixture) {}

// tries has at least one good and one bad world for each check.
func tries() []try {
	return slices.Concat(machineTries(), lineTries(), serviceTries(), otherTries())
}

func machineTries() []try {
	hot := func(text string) func(*fixture) {
		return func(f *fixture) { f.machine("sys/class/thermal/thermal_zone0/temp", text) }
	}
	disk := func(f *fixture) {
		f.ok(os.MkdirAll(filepath.Join(f.cfg.Root, "sys/dev/block"), 0o755))
		f.ok(os.Symlink("../../devices/platform/emmc/mmc_host/block/mmcblk0/mmcblk0p2", filepath.Join(f.cfg.Root, "sys/dev/block/179:2")))
	}
	return []try{
		{"D01", "well", nothing, OK, "private"},
		{"D01", "open to others", func(f *fixture) { f.ok(os.Chmod(f.cfg.Data, 0o755)) }, Fail, "chmod 700"},
		{"D01", "network drive", func(f *fixture) { f.mounted("0:50 / " + f.cfg.Data + " rw - nfs4 nas:/x rw") }, Fail, "another machine"},
		{"D01", "in memory", func(f *fixture) { f.mounted("0:50 / " + f.cfg.Data + " rw - tmpfs tmpfs rw") }, Fail, "memory"},
		{"D01", "missing", func(f *fixture) { f.cfg.Data += "/no" }, Fail, "tubelet init"},
		{"D02", "well", nothing, OK, "free"},
		{"D02", "large source", func(f *fixture) {
			f.ok(f.cfg.Store.CreateVideo(f.t.Context(), store.NewVideo{Video: store.Video{
				ID: "k3v9x2m1qa", UUID: "u", Visibility: store.Public, Media: store.Media{Rev: 1, State: store.Processing, SourceBytes: 1 << 60},
			}}))
		}, Warn, "twice"},
		{"D03", "well", nothing, OK, ""},
		{"D03", "missing", func(f *fixture) { f.cfg.Data += "/no" }, Fail, ""},
		{"D04", "disk", nothing, OK, "no card"},
		{"D04", "card", disk, Warn, "mmcblk0"},
		{"D04", "worn", func(f *fixture) { disk(f); f.machine("sys/block/mmcblk0/device/life_time", "0x01 0x0a\n") }, Fail, "nine tenths"},
		{"D05", "well", nothing, OK, "4.0 GB"},
		{"D05", "too little", func(f *fixture) { f.machine("proc/meminfo", "MemTotal: 250000 kB\nSwapTotal: 0 kB\n") }, Fail, "512"},
		{"D05", "no swap", func(f *fixture) { f.machine("proc/meminfo", "MemTotal: 900000 kB\nSwapTotal: 0 kB\n") }, Warn, "no swap"},
		{"D06", "cool", hot("51000\n"), OK, "51 degrees"},
		{"D06", "hot", hot("84500\n"), Warn, "fan"},
		{"D06", "low voltage", func(f *fixture) { f.machine(throttledSysfs, "50005\n") }, Fail, "voltage"},
		{"D06", "was slowed", func(f *fixture) { f.machine(throttledSysfs, "80000\n") }, Warn, "at least once"},
		{"D07", "well", nothing, OK, "ffmpeg"},
		{"D07", "missing", func(f *fixture) { f.t.Setenv("PATH", "/nowhere") }, Fail, "apt install ffmpeg"},
		{"D07", "no such encoder", func(f *fixture) { f.set("encoder", "h264_nvenc") }, Warn, "libx264 is used"},
		{"D08", "well", nothing, OK, "kept right"},
		{"D08", "before it was made", func(f *fixture) { f.cfg.Now = func() time.Time { return time.Unix(0, 0) } }, Fail, "before this program was made"},
		{"D08", "nobody keeps it", func(f *fixture) { f.cfg.Kernel = func() (bool, bool) { return false, true } }, Warn, "timedatectl"},
		{"D08", "as the friend's", func(f *fixture) { f.sees("192.0.2.1", "tcp", 443, true) }, OK, ""},
		{"D08", "other than the friend's", func(f *fixture) {
			f.sees("192.0.2.1", "tcp", 443, true)
			f.cfg.Now = func() time.Time { return time.Now().Add(5 * time.Minute) }
		}, Fail, "friend"},
		{"D09", "well", nothing, OK, "whole"},
		{"D09", "older", func(f *fixture) { f.cfg.Store, f.cfg.Opened = nil, store.ErrOlder }, Warn, "upgrades"},
		{"D09", "newer", func(f *fixture) { f.cfg.Store, f.cfg.Opened = nil, store.ErrNewer }, Fail, "Install"},
		{"D09", "damaged", func(f *fixture) { f.cfg.Store, f.cfg.Opened = nil, errors.New("malformed") }, Fail, "restore"},
		{"D09", "long log", func(f *fixture) {
			f.ok(f.cfg.Store.Close())
			f.cfg.Store = reopened(f)
			f.ok(os.Truncate(filepath.Join(f.cfg.Data, "tubelet.db-wal"), 1<<27))
		}, Warn, "log has grown"},
		{"D10", "well", nothing, OK, "up to"},
		{"D10", "few for the server", func(f *fixture) {
			f.runs()
			f.machine("proc/4242/limits", "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 1024                 files\n")
		}, Warn, "LimitNOFILE"},
		{"D11", "well", nothing, OK, ""},
		{"D11", "open", func(f *fixture) { f.ok(os.Chmod(filepath.Join(f.cfg.Data, "keys/preview.key"), 0o640)) }, Fail, "chmod 600"},
		{"D11", "missing", func(f *fixture) { f.ok(os.Remove(filepath.Join(f.cfg.Data, "keys/actor.pem"))) }, Fail, "backup"},
		{"D11", "no key", func(f *fixture) { f.ok(os.WriteFile(filepath.Join(f.cfg.Data, "keys/actor.pem"), []byte("x"), 0o600)) }, Fail, "PEM"},
	}
}

func reopened(f *fixture) *store.Store {
	db, err := store.Open(f.t.Context(), filepath.Join(f.cfg.Data, "tubelet.db"))
	f.ok(err)
	f.t.Cleanup(func() { db.Close() })
	f.ok(db.SetSetting(f.t.Context(), "threads", "2")) // so that there is a log
	if _, err := os.Stat(filepath.Join(f.cfg.Data, "tubelet.db-wal")); errors.Is(err, fs.ErrNotExist) {
		f.t.Fatal("no log")
	}
	return db
}

// router has a router say which address it has outside.
func router(address string) func(*fixture) { return func(f *fixture) { f.router(address) } }

// own gives this machine addresses.
func own(list ...string) func(*fixture) {
	return func(f *fixture) {
		f.cfg.Addresses = func() (ips []netip.Addr) {
			for _, text := range list {
				ips = append(ips, netip.MustParseAddr(text))
			}
			return ips
		}
	}
}

func both(list ...func(*fixture)) func(*fixture) {
	return func(f *fixture) {
		for _, one := range list {
			one(f)
		}
	}
}

// named gives the channel's name addresses.
func named(list ...string) func(*fixture) {
	return func(f *fixture) {
		for _, text := range list {
			f.name(text)
		}
	}
}

func lineTries() []try {
	seen := func(network string, port uint16, open bool) func(*fixture) {
		return func(f *fixture) { f.sees("8.8.4.4", network, port, open) }
	}
	seen6 := func(network string, port uint16, open bool) func(*fixture) {
		return func(f *fixture) { f.sees6("2606:4700::1", network, port, open) }
	}
	alone := own("2606:4700::1", "::1", "127.0.0.1")
	upnp := func(f *fixture) { f.set("ports", "upnp") }
	caa := func(text string) func(*fixture) {
		return func(f *fixture) {
			f.set("tls", "auto")
			f.zone["example.com. 257"] = []dnsmessage.ResourceBody{record(text)}
		}
	}
	return []try{
		{"D20", "here", both(named("8.8.4.4"), own("8.8.4.4")), OK, "network card"},
		{"D20", "the friend agrees", both(named("8.8.4.4"), seen("tcp", 443, true)), OK, "friend"},
		{"D20", "elsewhere", both(named("8.8.8.8"), router("8.8.4.4")), Fail, "8.8.4.4"},
		{"D20", "nowhere", nothing, Fail, "nowhere"},
		{"D20", "IPv6 only", named("2606:4700::1"), Warn, "IPv6"},
		{"D21", "none", named("8.8.4.4"), OK, "none"},
		{"D21", "own", both(named("2606:4700::1"), own("2606:4700::1")), OK, "here"},
		{"D21", "dead", named("2606:4700::1"), Fail, "has none"},
		{"D21", "another's", both(named("2606:4700::1"), own("2606:4700::2")), Fail, "not this machine's"},
		{"D22", "none", nothing, OK, "none"},
		{"D22", "allows", caa("letsencrypt.org; validationmethods=tls-alpn-01"), OK, "letsencrypt.org"},
		{"D22", "forbids", caa("other.example"), Fail, "CAA 0 issue"},
		{"D22", "forbids all", caa(";"), Fail, "CAA 0 issue"},
		{"D23", "well", nothing, OK, "TCP"},
		{"D23", "invents", func(f *fixture) {
			f.zone["*"] = []dnsmessage.ResourceBody{&dnsmessage.AResource{A: [4]byte{1, 2, 3, 4}}}
		}, Warn, "invents"},
		{"D23", "no TCP", func(f *fixture) { f.tcp = false }, Warn, "TCP"},
		{"D23", "silent", func(f *fixture) { f.cfg.Resolver = "127.0.0.1:1" }, Fail, "does not answer"},
		{"D30", "own address", own("8.8.4.4"), OK, "itself"},
		{"D30", "the router's", router("8.8.4.4"), OK, "router"},
		{"D30", "carrier", own("100.64.3.4"), Warn, "CGNAT"},
		{"D30", "carrier at the router", router("100.70.0.1"), Warn, "CGNAT"},
		{"D30", "two routers", router("192.168.0.7"), Warn, "bridge"},
		{"D30", "others see another", both(router("8.8.8.8"), seen("tcp", 443, true)), Warn, "translates"},
		{"D30", "unknown", nothing, NotAsked, "WAN"},
		{"D31", "works", both(seen("tcp", 443, true), upnp), OK, ""},
		{"D31", "does not", both(seen("tcp", 443, false), upnp), Fail, "by hand"},
		{"D32", "open", seen("tcp", 443, true), OK, ""},
		{"D32", "closed", seen("tcp", 443, false), Fail, "Forward TCP port 443"},
		{"D32", "not tried", seen("tcp", 80, false), Warn, "could not be asked"},
		{"D33", "open", seen("tcp", 80, true), OK, ""},
		{"D33", "closed", seen("tcp", 80, false), Warn, "Certificates need only 443"},
		{"D33", "no friend", func(f *fixture) { f.friend(); f.status = 404 }, Warn, "no Tubelet"},
		{"D34", "works", func(f *fixture) { f.serve(); f.runs() }, OK, ""},
		{"D34", "does not", both(named("127.0.0.1"), func(f *fixture) { f.cfg.HTTPS = 1; f.runs(); f.sees("8.8.4.4", "tcp", 443, true) }), Warn, "hairpin"},
		{"D35", "open", seen6("tcp", 443, true), OK, ""},
		{"D35", "closed", seen6("tcp", 443, false), Fail, "IPv6 firewall"},
		{"D35", "not tried", seen6("tcp", 80, true), Warn, "could not be asked"},
		{"D30", "IPv6 alone", alone, Warn, "no IPv4 address"},
		{"D31", "IPv6 alone", both(upnp, alone, seen6("tcp", 443, true)), NotAsked, "no router is asked"},
		{"D32", "IPv6 alone", both(alone, seen6("tcp", 443, true)), OK, "open"},
		{"D36", "IPv6 alone, closed", both(alone, seen6("udp", standardUDP, false)), Warn, "Forward UDP port 8443"},
		{"D36", "open", seen("udp", standardUDP, true), OK, ""},
		{"D36", "closed", seen("udp", standardUDP, false), Warn, "Forward UDP port 8443"},
		{"D37", "by the limit", func(f *fixture) { f.set("upload.rate", "20Mbit") }, OK, "about 4 viewers at 1080p without peers"},
		{"D37", "measured", func(f *fixture) { f.friend() }, OK, "measured"},
		{"D37", "slow", func(f *fixture) { f.rate = time.Minute; f.friend() }, Warn, "less than one"},
		{"D37", "unknown", nothing, NotAsked, "--via"},
	}
}

func serviceTries() []try {
	auto := func(s certs.State) func(*fixture) {
		return func(f *fixture) { f.set("tls", "auto"); f.state(s) }
	}
	next := func(in time.Duration) func(*fixture) {
		return func(f *fixture) {
			now := time.Now()
			f.cfg.Now = func() time.Time { return now }
			auto(certs.State{Mode: "auto", LastError: "no route", Next: now.Add(in)})(f)
		}
	}
	day := 24 * time.Hour
	return []try{
		{"D12", "free", func(f *fixture) { f.set("listen", "127.0.0.1:0") }, OK, "free"},
		{"D12", "taken", func(f *fixture) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			f.ok(err)
			f.t.Cleanup(func() { l.Close() })
			f.set("listen", l.Addr().String())
		}, Fail, "Another program"},
		{"D13", "runs", func(f *fixture) { f.runs() }, OK, "4242"},
		{"D13", "does not", nothing, Warn, "systemctl start"},
		{"D14", "well", nothing, OK, "0 open"},
		{"D14", "stands still", func(f *fixture) {
			_, err := f.cfg.Store.Enqueue(f.t.Context(), store.Job{Kind: "poster"})
			f.ok(err)
			f.cfg.Now = func() time.Time { return time.Now().Add(2 * day) }
		}, Warn, "tubelet jobs"},
		{"D15", "well", func(f *fixture) {
			f.ok(f.cfg.Store.Archive().Made(f.t.Context(), archive.Last{At: time.Now(), Folder: "/proc/self"})) // a disk of its own
		}, OK, "/proc/self, on another disk"},
		{"D15", "the same disk", func(f *fixture) {
			f.ok(f.cfg.Store.Archive().Made(f.t.Context(), archive.Last{At: time.Now(), Folder: f.t.TempDir()}))
		}, Warn, "when that disk dies"},
		{"D15", "nothing mounted", func(f *fixture) {
			f.ok(f.cfg.Store.Archive().Made(f.t.Context(), archive.Last{At: time.Now(), Folder: filepath.Join(f.t.TempDir(), "tubelet-x")}))
		}, Warn, "mounted"},
		{"D15", "no place to mount at", func(f *fixture) {
			f.ok(f.cfg.Store.Archive().Made(f.t.Context(), archive.Last{At: time.Now(), Folder: filepath.Join(f.t.TempDir(), "backups", "tubelet-x")}))
		}, Warn, "mounted"},
		{"D15", "removed", func(f *fixture) {
			dir := f.t.TempDir()
			f.ok(os.Mkdir(filepath.Join(dir, "tubelet-older"), 0o700))
			f.ok(f.cfg.Store.Archive().Made(f.t.Context(), archive.Last{At: time.Now(), Folder: filepath.Join(dir, "tubelet-x")}))
		}, Warn, "not there any more"},
		{"D15", "never", nothing, Warn, "never was"},
		{"D15", "old", func(f *fixture) {
			f.ok(f.cfg.Store.Archive().Made(f.t.Context(), archive.Last{At: time.Now().Add(-9 * day), Folder: "/proc/self"}))
		}, Warn, "9 days"},
		{"D15", "failed", func(f *fixture) { f.ok(f.cfg.Store.Archive().Failed(f.t.Context(), time.Now(), "no room")) }, Warn, "no room"},
		{"D24", "same", nothing, OK, "example.com"},
		{"D24", "another", func(f *fixture) {
			f.ok(f.cfg.Store.Social().Send(f.t.Context(), social.Outgoing{URI: "https://old.example/a", By: social.Person}, time.Now()))
		}, Fail, "move-to"},
		{"D40", "well", func(f *fixture) { f.serve() }, OK, "example.com"},
		{"D40", "not believed", func(f *fixture) { f.serve(); f.cfg.Trust = nil }, Fail, "believe"},
		{"D40", "ended", func(f *fixture) { f.serve(); f.cfg.Now = func() time.Time { return time.Now().AddDate(100, 0, 0) } }, Fail, "ended"},
		{"D40", "nobody there", func(f *fixture) { f.name("127.0.0.1"); f.cfg.HTTPS = 1 }, Fail, "Nothing answers"},
		{"D41", "well", auto(certs.State{Mode: "auto"}), OK, "4 tries left"},
		{"D41", "no certificate", auto(certs.State{Mode: "auto", LastError: "no route", Next: time.Now().Add(time.Hour)}), Fail, "no route"},
		{"D41", "soon", next(20 * time.Second), Fail, "comes in less than a minute;"},
		{"D41", "later", next(15 * time.Minute), Fail, "comes in 15 minutes;"},
		{"D41", "due", next(-time.Second), Fail, "comes at once;"},
		{"D41", "not renewed", auto(certs.State{Mode: "auto", LastError: "no route", NotAfter: time.Now().Add(day)}), Warn, "no route"},
	}
}

func otherTries() []try {
	return []try{
		{"D42", "well", func(f *fixture) { f.serve(); f.proxied("8.8.4.4", 206, 101, 401) }, OK, "come through"},
		{"D42", "forged address", func(f *fixture) { f.serve(); f.proxied(forged, 206, 101, 401) }, Fail, "X-Forwarded-For"},
		{"D42", "no ranges", func(f *fixture) { f.serve(); f.proxied("8.8.4.4", 200, 101, 401) }, Fail, "seeking"},
		{"D42", "no sockets", func(f *fixture) { f.serve(); f.proxied("8.8.4.4", 206, 400, 401) }, Fail, "share"},
		{"D42", "short messages", func(f *fixture) { f.serve(); f.proxied("8.8.4.4", 206, 101, 413) }, Fail, "900 kB"},
		{"D50", "well", func(f *fixture) { f.serve(); f.channel() }, OK, "@me@example.com"},
		{"D50", "nothing", func(f *fixture) { f.serve() }, Fail, "WebFinger"},
		{"D50", "another's", func(f *fixture) {
			f.serve()
			f.json("/.well-known/webfinger", "application/jrd+json", map[string]any{"subject": "acct:other@example.com"})
		}, Fail, "Another program"},
		{"D51", "well", func(f *fixture) { f.serve(); f.channel() }, OK, "believed"},
		{"D51", "another key", func(f *fixture) {
			f.serve()
			f.json("/users/me", activity, map[string]any{"publicKey": map[string]any{"publicKeyPem": otherKey}})
		}, Fail, "key"},
		{"D52", "well", nothing, OK, "0 on their way"},
		{"D52", "no server", func(f *fixture) { f.sends() }, Warn, "D13"},
		{"D53", "well", nothing, OK, ""},
		{"D53", "parked", func(f *fixture) { f.parked() }, Warn, "dead.example"},
		{"D54", "none", nothing, OK, ""},
		{"D54", "some", func(f *fixture) { f.set("federation.private", "10.0.0.0/8") }, Warn, "10.0.0.0/8"},
		{"D31", "off", nothing, NotAsked, "ports off"},
		{"D35", "no address", func(f *fixture) { f.name("8.8.4.4"); f.friend() }, NotAsked, "D21"},
	}
}

func TestChecks(t *testing.T) {
	table, bad := map[string]Check{}, map[string]bool{}
	for _, c := range Table() {
		table[c.ID] = c
	}
	for _, tt := range tries() {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			f := newFixture(t)
			tt.world(f)
			w := newWorld(t.Context(), f.cfg)
			r := w.do(t.Context(), table[tt.id])
			if r.Level != tt.level || !strings.Contains(r.Cause+" "+r.Remedy, tt.says) {
				t.Errorf("%s: %s %s\nwant %s with %q", r.Level, r.Cause, r.Remedy, tt.level, tt.says)
			}
			if (r.Level == Warn || r.Level == Fail) && (r.Remedy == "" || !strings.HasSuffix(r.Cause, ".")) {
				t.Errorf("no remedy, or no sentence: %q %q", r.Cause, r.Remedy)
			}
			if strings.Contains(r.Cause+r.Remedy, "%!") {
				t.Errorf("badly formatted: %q %q", r.Cause, r.Remedy)
			}
		})
		bad[tt.id] = bad[tt.id] || tt.level == Warn || tt.level == Fail
	}
	for id := range table {
		if !bad[id] {
			t.Errorf("%s never had a bad world", id)
		}
	}
}

// TestRun looks at all of it: in the order of the table, in time, and offline without asking.
func TestRun(t *testing.T) {
	f := newFixture(t)
	f.cfg.Offline, f.cfg.Resolver = true, "127.0.0.1:1"
	results := Run(t.Context(), f.cfg)
	for i, c := range Table() {
		r := results[i]
		if r.ID != c.ID || r.Level == "" {
			t.Errorf("%d: %+v, want %s", i, r, c.ID)
		}
		if c.Needs&(Network|Friend) != 0 && (r.Level != NotAsked || r.Cause != "offline") {
			t.Errorf("offline %s was asked: %+v", c.ID, r)
		}
	}
	f.cfg.Store, f.cfg.Offline = nil, false
	for _, r := range Run(t.Context(), f.cfg) {
		if r.Needs&(Database|Domain) != 0 && r.Level != NotAsked {
			t.Errorf("without a database: %+v", r)
		}
	}
}

func (f *fixture) proxied(address string, ranges, sockets, inbox int) {
	f.json(knock.Path, "application/json", knock.Answer{Address: netip.MustParseAddr(address), Headers: []string{"Date", "Digest", "Signature"}})
	for path, status := range map[string]int{"/favicon.svg": ranges, "/tracker/socket": sockets, "/inbox": inbox} {
		f.site.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // as a proxy that reads first
			if status == http.StatusSwitchingProtocols {
				w.Header().Set("Connection", "Upgrade")
				w.Header().Set("Upgrade", "websocket")
			}
			w.WriteHeader(status)
		})
	}
}
