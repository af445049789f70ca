// Package preview makes and checks the addresses by which the creator looks at a
// video before others may: "<id>~<key>" in the place of the id. The key is an HMAC of
// the id under a secret of the data directory, so nothing needs to be stored for it,
// and whoever has one address learns nothing about another. The secret is the file
// keys/preview.key; without it all preview addresses change.
package preview

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keyLength is how many base32 characters of the HMAC an address carries: 100 bits.
const keyLength = 20

// Keys makes and checks preview addresses.
type Keys struct {
	secret []byte
}

// Load reads the secret of the data directory. One that is not there is fs.ErrNotExist.
func Load(data string) (Keys, error) {
	name := secretFile(data)
	text, err := os.ReadFile(name)
	if err != nil {
		return Keys{}, fmt.Errorf("read preview key: %w", err)
	}
	return parse(name, text)
}

// Ensure reads the secret of the data directory and makes one when there is none.
func Ensure(data string) (Keys, error) {
	keys, err := Load(data)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := create(secretFile(data)); err != nil && !errors.Is(err, fs.ErrExist) {
		return Keys{}, fmt.Errorf("make preview key: %w", err)
	}
	return Load(data)
}

func secretFile(data string) string { return filepath.Join(data, "keys", "preview.key") }

func parse(name string, text []byte) (Keys, error) {
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < 16 {
		return Keys{}, fmt.Errorf("read preview key: %s is damaged; remove it to get a new one (preview addresses change)", name)
	}
	return Keys{secret: secret}, nil
}

// create writes a new secret under another name and links it into place, so that two
// processes that start at once agree on one whole file.
func create(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".preview-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	secret := make([]byte, 32)
	rand.Read(secret)
	_, err = fmt.Fprintln(f, hex.EncodeToString(secret))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Link(f.Name(), name)
}

// Key returns the preview key of a video.
func (k Keys) Key(id string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(id))
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)))[:keyLength]
}

// Address returns what stands for the id in the addresses of a hidden video.
func (k Keys) Address(id string) string { return id + "~" + k.Key(id) }

// Open splits an address into the id and says whether it carries the right key. An
// address without a key is not an error, merely one of a stranger.
func (k Keys) Open(address string) (id string, ok bool) {
	id, key, found := strings.Cut(address, "~")
	if !found {
		return id, false
	}
	return id, subtle.ConstantTimeCompare([]byte(key), []byte(k.Key(id))) == 1
}
