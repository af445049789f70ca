package metainfo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Range is a part of a file.
type Range struct{ Offset, Size int64 }

// Segments is what PeerTube's player verifies other viewers' bytes by: for each file, the
// SHA-256 of each byte range that its playlist names. Marshalled, it is the manifest.
type Segments map[string]map[string]string

// Add hashes the ranges of a file under its name. A player that finds no hash for a
// segment takes it from nobody but us.
func (s Segments) Add(ctx context.Context, name string, r io.ReaderAt, ranges []Range) error {
	hashes := make(map[string]string, len(ranges))
	buf := make([]byte, 128<<10)
	sum := sha256.New()
	for _, part := range ranges {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("hash segments of %s: %w", name, err)
		}
		sum.Reset()
		n, err := io.CopyBuffer(sum, onlyReader{io.NewSectionReader(r, part.Offset, part.Size)}, buf)
		if err == nil && n != part.Size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("hash segments of %s: %w", name, err)
		}
		hashes[fmt.Sprintf("%d-%d", part.Offset, part.Offset+part.Size-1)] = hex.EncodeToString(sum.Sum(nil))
	}
	s[name] = hashes
	return nil
}
