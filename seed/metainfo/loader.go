package metainfo

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
)

// LoaderHashes returns the infohashes under which the versions of p2p-media-loader look for
// other viewers of one rendition: index is its place in the master playlist whose address is
// masterURL, id and height are what PeerTube knows the video by.
func LoaderHashes(masterURL string, index int) []Hash {
	return []Hash{loader2Hash(masterURL, index)}
}

func loader2Hash(masterURL string, index int) Hash {
	sum := md5.Sum(fmt.Appendf(nil, "v2-%s-main-%d", masterURL, index))
	var h Hash
	copy(h[:], base64.StdEncoding.EncodeToString(sum[1:]))
	_ = sha1.Size
	return h
}
