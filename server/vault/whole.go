package vault

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/store/archive"
)

// keyName is the key that makes a channel the one that others know.
const keyName = "keys/actor.pem"

// IncompleteError says that a backup was made of a channel that is not whole itself. It is
// kept, and nothing was removed for it.
type IncompleteError struct {
	Folder  string
	Missing []Problem
}

func (e *IncompleteError) Error() string {
	first := e.Missing[0]
	more := ""
	if n := len(e.Missing) - 1; n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	return fmt.Sprintf("the channel lacks files, and so does the backup %s: %s: %v%s", e.Folder, first.Path, first.Err, more)
}

// lacks finds what the channel should have and the part folder has not, or not whole. Files
// of a revision that was replaced may go at any time.
func (b *backup) lacks(files []archive.File) error {
	for _, f := range files {
		if !f.Serves {
			continue
		}
		info, err := os.Lstat(filepath.Join(b.part, f.Path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			b.lack(f.Path, proof.ErrMissing)
		case err != nil:
			return err
		case f.Bytes > 0 && f.Bytes != info.Size():
			b.lack(f.Path, proof.ErrSize)
		}
	}
	_, err := identify(filepath.Join(b.part, keyName))
	if errors.Is(err, fs.ErrNotExist) {
		err = proof.ErrMissing
	}
	if err != nil {
		b.lack(keyName, err)
	}
	return nil
}

func (b *backup) lack(path string, err error) {
	b.Log.Warn("file not whole, backup made without it", "path", path, "err", err)
	b.result.Missing = append(b.result.Missing, Problem{path, err})
}

// finish records a whole backup and only then removes old ones: what is recorded nowhere
// would be made again and again, and each time cost an older one.
func (b *backup) finish(ctx context.Context, last archive.Last) error {
	if len(b.result.Missing) > 0 {
		return &IncompleteError{b.result.Folder, b.result.Missing}
	}
	if err := b.record(ctx, func(ctx context.Context) error { return b.Store.Archive().Made(ctx, last) }); err != nil {
		b.result.Unrecorded = true
		return nil
	}
	b.prune()
	return nil
}

// identify returns the checksum of the public half of a channel's key. A channel that is
// made anew may bear the name of one that was lost, but never has its key.
func identify(key string) (string, error) {
	private, err := sign.Load(key)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}
