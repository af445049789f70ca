package setup

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// build makes every part in stage.
func build(ctx context.Context, stage string, channel store.Channel) error {
	for _, dir := range []string{"keys", "channel", "videos", "work"} {
		path := filepath.Join(stage, dir)
		if err := os.Mkdir(path, 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		if err := os.Chmod(path, 0o700); err != nil {
			return fmt.Errorf("close a folder to others: %w", err)
		}
	}
	if err := keys(filepath.Join(stage, "keys")); err != nil {
		return err
	}
	if err := work.MakeBallast(stage); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(stage, "ballast"), 0o600); err != nil {
		return fmt.Errorf("close the ballast to others: %w", err)
	}
	return database(ctx, filepath.Join(stage, "tubelet.db"), channel)
}

func keys(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make the channel's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write the channel's key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeSecret(filepath.Join(dir, "actor.pem"), block); err != nil {
		return err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	preview := hex.AppendEncode(nil, secret)
	if err := writeSecret(filepath.Join(dir, "preview.key"), preview); err != nil {
		return err
	}
	return syncDir(dir)
}

func database(ctx context.Context, path string, channel store.Channel) error {
	db, err := store.Open(ctx, path)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	defer db.Close()
	if err := db.CreateChannel(ctx, channel); err != nil {
		return fmt.Errorf("write the channel: %w", err)
	}
	listen, tls := listenAddress(channel), "off"
	if !channel.Local && ownHTTPS(ctx) {
		listen, tls = ":443", "auto"
	}
	if err := errors.Join(db.SetSetting(ctx, "listen", listen), db.SetSetting(ctx, "tls", tls)); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	// The last close folds the write-ahead log into the file, which is then moved alone.
	if err := db.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return fmt.Errorf("close the database: its write-ahead log is still there")
	}
	return os.Chmod(path, 0o600)
}

// ownHTTPS reports whether this machine has port 443 to give. Where only this user may not
// have it, the unit's will; where another program has it, that is a proxy.
func ownHTTPS(ctx context.Context) bool {
	l, err := net.Listen("tcp", ":443")
	if err == nil {
		err = l.Close()
	}
	return !taken(ctx, err, "127.0.0.1:443", "[::1]:443")
}

// taken reports whether another program has a port, by the error of listening there. The
// kernel tells a user who may not have the port so before it looks whether another has it, so
// then whether somebody answers at addrs decides.
func taken(ctx context.Context, err error, addrs ...string) bool {
	if !errors.Is(err, syscall.EACCES) {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	dialer := net.Dialer{Timeout: time.Second}
	for _, addr := range addrs {
		if c, err := dialer.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
			return true
		}
	}
	return false
}

// writeSecret writes a durable file that only its owner can read.
func writeSecret(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("close a key to others: %w", err)
	}
	if _, err := f.Write(content); err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write a key to disk: %w", err)
	}
	return f.Close()
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open a folder to sync it: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync a folder: %w", err)
	}
	return nil
}
