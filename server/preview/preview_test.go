package preview_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tubelet/tubelet/server/preview"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := preview.Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("loading what is not there: %v", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("loading made %v, %v", left, err)
	}
	keys, err := preview.Ensure(dir)
	if err != nil {
		t.Fatal(err)
	}
	good := keys.Address("abcdefghij")
	for _, c := range []struct {
		name, address, id string
		ok                bool
	}{
		{"right key", good, "abcdefghij", true},
		{"no key", "abcdefghij", "abcdefghij", false},
		{"empty key", "abcdefghij~", "abcdefghij", false},
		{"another video's key", "bbbbbbbbbb~" + keys.Key("abcdefghij"), "bbbbbbbbbb", false},
		{"cut short", good[:len(good)-1], "abcdefghij", false},
		{"too long", good + "a", "abcdefghij", false},
		{"upper case", strings.ToUpper(good), "ABCDEFGHIJ", false},
		{"empty", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, ok := keys.Open(c.address)
			if id != c.id || ok != c.ok {
				t.Errorf("Open(%q) = %q, %v; want %q, %v", c.address, id, ok, c.id, c.ok)
			}
		})
	}
}

func TestLoadAtOnce(t *testing.T) {
	dir := t.TempDir()
	found := make([]string, 8)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() {
			keys, err := preview.Ensure(dir)
			if err != nil {
				t.Error(err)
			}
			found[i] = keys.Key("abcdefghij")
		})
	}
	wg.Wait()
	for _, key := range found {
		if key != found[0] {
			t.Fatalf("two processes made two keys: %v", found)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "keys", "preview.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("preview.key: %v, %v; want mode 0600", info.Mode(), err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "keys", ".preview-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLoadDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys", "preview.key"), []byte("zz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := preview.Load(dir); err == nil {
		t.Error("a damaged key was taken")
	}
}

// FuzzOpen: an address opens a video only when it is the one that was made for it, and no file
// in the place of the secret is worse than an error.
func FuzzOpen(f *testing.F) {
	secret := strings.Repeat("ab", 32)
	f.Add(secret, "abcdefghij~"+strings.Repeat("a", 20))
	f.Add(secret+"\n", "abcdefghij")
	f.Add("zz", "~")
	f.Add("", "a~b~c")
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, secret, address string) {
		if err := os.WriteFile(filepath.Join(dir, "keys", "preview.key"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := preview.Load(dir)
		if err != nil {
			return
		}
		id, ok := keys.Open(address)
		if strings.Contains(id, "~") || ok != (address == keys.Address(id)) {
			t.Errorf("%q is %q, %v", address, id, ok)
		}
		if again, ok := keys.Open(keys.Address(id)); again != id || !ok {
			t.Errorf("the address of %q opens %q, %v", id, again, ok)
		}
	})
}
