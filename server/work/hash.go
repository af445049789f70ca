package work

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// hashSource computes the checksum of a stored original that publishing did not wait for.
func hashSource(ctx context.Context, t *task) error {
	if t.media.SourceSHA256 != "" || t.media.SourceFile == "" {
		return nil
	}
	t.report(media.Progress{Stage: "reading the original"})
	sum, err := hashFile(ctx, filepath.Join(t.revDir(t.job.Video, t.job.Rev), t.media.SourceFile))
	if err != nil {
		return err
	}
	err = t.setSum(ctx, t.job.Video, t.job.Rev, sum)
	var known *store.DuplicateError
	if errors.As(err, &known) {
		// Both are published by now, and it is not for a job to take one away.
		t.log.Warn("the same file is published twice", "video", t.job.Video, "other", known.ID)
		return nil
	}
	return err
}

// setSum records a checksum, unless another video has it.
func (w *Worker) setSum(ctx context.Context, id string, rev int, sum string) error {
	return w.placing(ctx, func(ctx context.Context) error {
		err := w.known(ctx, sum)
		var known *store.DuplicateError
		if errors.As(err, &known) && known.ID == id {
			err = nil
		}
		if err != nil {
			return err
		}
		return w.record(ctx, func(ctx context.Context) error { return w.store.SetSourceSHA256(ctx, id, rev, sum) })
	})
}

// hashFile returns the SHA-256 of a file.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
	}
}
