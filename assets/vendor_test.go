package assets_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestVendored checks that every vendored file is the one vendor.json names, and that
// each library says where it comes from and under what licence.
func TestVendored(t *testing.T) {
	text, err := os.ReadFile("vendor/vendor.json")
	if err != nil {
		t.Fatal(err)
	}
	var libraries []struct {
		Name, Version, Licence, Home, From string
		Files                              map[string]string
	}
	if err := json.Unmarshal(text, &libraries); err != nil {
		t.Fatal(err)
	}
	known := map[string]string{"vendor.json": ""}
	for _, l := range libraries {
		if l.Name == "" || l.Version == "" || l.Licence == "" || l.Home == "" || l.From == "" {
			t.Errorf("vendor.json does not say everything about %q", l.Name)
		}
		for name, sum := range l.Files {
			known[name] = sum
		}
	}
	err = filepath.WalkDir("vendor", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel("vendor", path)
		if err != nil {
			return err
		}
		want, ok := known[name]
		delete(known, name)
		if !ok {
			t.Errorf("%s is not in vendor.json", name)
		}
		body, err := os.ReadFile(path)
		if got := sha256.Sum256(body); want != "" && hex.EncodeToString(got[:]) != want {
			t.Errorf("%s has checksum %x, vendor.json says %s", name, got, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		t.Errorf("vendor.json names %s, which is not there", name)
	}
}

// What comes packed holds the very file beside it.
func TestPacked(t *testing.T) {
	names, err := filepath.Glob("vendor/*.gz")
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing is packed: %v", err)
	}
	for _, name := range names {
		packed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		unpack, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(unpack)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := os.ReadFile(name[:len(name)-len(".gz")])
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s holds %d bytes, not those of the file beside it: %v", name, len(got), err)
		}
	}
}
