package setup_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/store"
)

func workshop(data string) setup.Config {
	return setup.Config{Data: data, Domain: "video.example", Handle: "workshop", Name: "The Small Workshop"}
}

func TestCreate(t *testing.T) {
	// The worst of umasks: nothing for the owner either. Tests of this package run one by one.
	old := syscall.Umask(0o277)
	defer syscall.Umask(old)
	data := filepath.Join(t.TempDir(), "new", "data")
	if _, err := setup.Create(t.Context(), workshop(data)); err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{
		".": 0o700, "keys": 0o700, "channel": 0o700, "videos": 0o700, "work": 0o700,
		"keys/actor.pem": 0o600, "keys/preview.key": 0o600, "tubelet.db": 0o600, "ballast": 0o600,
	}
	if diff := cmp.Diff(want, modes(t, data)); diff != "" {
		t.Error(diff)
	}
	checkKeys(t, data)
	checkBallast(t, data)
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if c, err := db.Channel(t.Context()); err != nil || c.Base() != "https://video.example" || c.Handle != "workshop" {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestHTTPS makes channels with port 443 free, and taken as by a proxy.
func TestHTTPS(t *testing.T) {
	check := func(want string) {
		t.Helper()
		data := t.TempDir()
		if _, err := setup.Create(t.Context(), workshop(data)); err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		listen, err := db.Setting(t.Context(), "listen")
		tls, err2 := db.Setting(t.Context(), "tls")
		if got := tls + " " + listen; err != nil || err2 != nil || got != want {
			t.Errorf("%s, %v, %v; want %s", got, err, err2, want)
		}
	}
	l, err := net.Listen("tcp", ":443")
	if errors.Is(err, syscall.EACCES) {
		if c, err := net.Dial("tcp", "127.0.0.1:443"); err == nil {
			c.Close()
			check("off " + setup.BehindProxy)
			return
		}
		check("auto :443") // the unit's user may
		return
	}
	check("off " + setup.BehindProxy)
	if err != nil {
		return // somebody else has it
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check("auto :443")
}

func modes(t *testing.T, data string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(data, path)
		found[filepath.ToSlash(name)] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func checkKeys(t *testing.T, data string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "keys", "actor.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := key.(*rsa.PrivateKey); !ok || k.N.BitLen() != 2048 {
		t.Errorf("actor.pem holds a %T", key)
	}
	text, err = os.ReadFile(filepath.Join(data, "keys", "preview.key"))
	if err != nil {
		t.Fatal(err)
	}
	if secret, err := hex.DecodeString(string(text)); err != nil || len(secret) != 32 {
		t.Errorf("preview.key has %d bytes, %v", len(secret), err)
	}
}

func checkBallast(t *testing.T, data string) {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Stat(filepath.Join(data, "ballast"), &stat); err != nil {
		t.Fatal(err)
	}
	if stat.Size != 64<<20 || stat.Blocks*512 < 64<<20 {
		t.Errorf("ballast of %d bytes occupies %d", stat.Size, stat.Blocks*512)
	}
}

func TestCreateLocal(t *testing.T) {
	tests := []struct{ domain, listen string }{
		{"127.0.0.1:8080", "127.0.0.1:8080"},
		{"localhost:8080", "127.0.0.1:8080"},
		{"LOCALHOST", "127.0.0.1:80"},
		{"[::1]:8080", "[::1]:8080"},
		{"box.lan:81", "box.lan:81"},
	}
	for _, tt := range tests {
		t.Run(tt.domain, func(t *testing.T) {
			data := t.TempDir()
			cfg := setup.Config{Data: data, Domain: tt.domain, Handle: "me", Name: "Trial", Local: true}
			c, err := setup.Create(t.Context(), cfg)
			if err != nil || c.Base() != "http://"+strings.ToLower(tt.domain) {
				t.Fatalf("%q, %v", c.Base(), err)
			}
			db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if v, err := db.Setting(t.Context(), "listen"); err != nil || v != tt.listen {
				t.Errorf("listen = %q, %v; want %q", v, err, tt.listen)
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	tests := []struct {
		name                 string
		domain, handle, text string
		local                bool
	}{
		{"no domain", "", "me", "x", false},
		{"scheme", "https://video.example", "me", "x", false},
		{"path", "video.example/x", "me", "x", false},
		{"port", "video.example:8080", "me", "x", false},
		{"address", "192.0.2.1", "me", "x", false},
		{"IPv6 address", "::1", "me", "x", false},
		{"no dot", "localhost", "me", "x", false},
		{"hyphen", "-video.example", "me", "x", false},
		{"underscore", "my_video.example", "me", "x", false},
		{"empty label", "video..example", "me", "x", false},
		{"long label", strings.Repeat("a", 64) + ".example", "me", "x", false},
		{"local port", "127.0.0.1:99999", "me", "x", true},
		{"local IPv6 without brackets", "::1", "me", "x", true},
		{"local with path", "localhost/x", "me", "x", true},
		{"no handle", "video.example", "", "x", false},
		{"handle in capitals", "video.example", "Me", "x", false},
		{"handle with @", "video.example", "@me", "x", false},
		{"long handle", "video.example", strings.Repeat("a", 31), "x", false},
		{"no name", "video.example", "me", " ", false},
		{"name of two lines", "video.example", "me", "a\nb", false},
		{"escape in name", "video.example", "me", "a\x1b[31m", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			_, err := setup.Create(t.Context(), setup.Config{
				Data: data, Domain: tt.domain, Handle: tt.handle, Name: tt.text, Local: tt.local,
			})
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("left %s: %v", data, err)
			}
		})
	}
}

func TestDomainIsWrittenInASCII(t *testing.T) {
	cfg := workshop(t.TempDir())
	cfg.Domain = " Vidéo.Example "
	if c, err := setup.Create(t.Context(), cfg); err != nil || c.Domain != "xn--vido-dpa.example" {
		t.Errorf("%q, %v", c.Domain, err)
	}
}

func TestSecondCreate(t *testing.T) {
	data := t.TempDir()
	if _, err := setup.Create(t.Context(), workshop(data)); err != nil {
		t.Fatal(err)
	}
	before := contents(t, data)
	other := workshop(data)
	other.Domain = "other.example"
	if _, err := setup.Create(t.Context(), other); !errors.Is(err, store.ErrExists) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, contents(t, data)); diff != "" {
		t.Error(diff)
	}
}

func contents(t *testing.T, data string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name := range modes(t, data) {
		if text, err := os.ReadFile(filepath.Join(data, name)); err == nil && name != "ballast" {
			found[name] = string(text)
		}
	}
	return found
}

// TestFailureLeavesNothing stops an init at its beginning, by its context, in folders of
// all kinds.
func TestFailureLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Run("missing", func(t *testing.T) {
		top := t.TempDir()
		if _, err := setup.Create(ctx, workshop(filepath.Join(top, "a", "b", "data"))); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := names(t, top); len(got) > 0 {
			t.Errorf("left %v", got)
		}
	})
	t.Run("empty", func(t *testing.T) {
		top := t.TempDir()
		if err := os.Chmod(top, 0o750); err != nil {
			t.Fatal(err)
		}
		if _, err := setup.Create(ctx, workshop(top)); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		info, err := os.Stat(top)
		if err != nil || info.Mode().Perm() != 0o750 || len(names(t, top)) > 0 {
			t.Errorf("%v, %v, left %v", info.Mode(), err, names(t, top))
		}
	})
	t.Run("used", func(t *testing.T) {
		top := t.TempDir()
		if err := os.WriteFile(filepath.Join(top, "talk.mp4"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := setup.Create(t.Context(), workshop(top)); !errors.Is(err, store.ErrExists) {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"talk.mp4"}, names(t, top)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("file in the way", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := setup.Create(t.Context(), workshop(file)); err == nil {
			t.Error("no error")
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "x" {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestKilledInitIsTakenUp puts the directory into states that a killed init leaves, before
// its database stood in its place.
func TestKilledInitIsTakenUp(t *testing.T) {
	for _, moved := range [][]string{nil, {"keys"}, {"keys", "channel", "videos", "work", "ballast"}} {
		t.Run(strings.Join(moved, "+"), func(t *testing.T) {
			whole, data := t.TempDir(), t.TempDir()
			if _, err := setup.Create(t.Context(), workshop(whole)); err != nil {
				t.Fatal(err)
			}
			stage := filepath.Join(data, ".init")
			if err := os.Mkdir(stage, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, name := range names(t, whole) {
				to := filepath.Join(stage, name)
				if slices.Contains(moved, name) {
					to = filepath.Join(data, name)
				}
				if err := os.Rename(filepath.Join(whole, name), to); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := setup.Create(t.Context(), workshop(data)); err != nil {
				t.Fatal(err)
			}
			checkKeys(t, data)
			if slices.Contains(names(t, data), ".init") {
				t.Error("the staging folder is still there")
			}
		})
	}
}

func TestTwoInitsAtOnce(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := setup.Create(t.Context(), workshop(data))
			errs <- err
		}()
	}
	made := 0
	for range 4 {
		switch err := <-errs; {
		case err == nil:
			made++
		case !errors.Is(err, store.ErrExists):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d inits made the channel", made)
	}
	checkKeys(t, data)
}

func TestDNS(t *testing.T) {
	got := setup.DNS("video.example", []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, true)
	want := []string{"video.example. 3600 IN A    192.0.2.1", "video.example. 3600 IN AAAA 2001:db8::1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := setup.DNS("video.example", []netip.Addr{netip.MustParseAddr("2001:db8::1")}, false); !cmp.Equal(got, want[1:]) {
		t.Errorf("with IPv6 alone: %v", got)
	}
	if got := setup.DNS("video.example", nil, false); len(got) != 1 || !strings.Contains(got[0], "<public IPv4") {
		t.Error(got)
	}
}

func TestUnit(t *testing.T) {
	got := setup.Unit("/usr/local/bin/tubelet", `/home/a b/100%/"data"`, "me")
	for _, want := range []string{
		"User=me\n", `ExecStart=/usr/local/bin/tubelet serve --data "/home/a b/100%%/\"data\""` + "\n",
		"ProtectSystem=strict\n", "TimeoutStopSec=20\n", "RuntimeDirectory=tubelet\nRuntimeDirectoryMode=0750\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
