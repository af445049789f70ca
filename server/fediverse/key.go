package fediverse

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// ensureKey makes the actors' key where it was lost. Others notice that it is another one and
// ask for it, so nothing else is lost with it.
func ensureKey(data string, log *slog.Logger) error {
	name := filepath.Join(data, "keys", "actor.pem")
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeKey(name); err != nil {
		return fmt.Errorf("make the actors' key: %w", err)
	}
	log.Warn("the key keys/actor.pem was not there, and a new one was made")
	return nil
}

func writeKey(name string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}
