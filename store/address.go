package store

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// idAlphabet leaves out what is mistaken for something else when read aloud or typed.
const idAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// idLength makes 31^10 ids, about 2^49: nobody finds an unlisted video by guessing.
const idLength = 10

// NewID returns a random id for a video.
func NewID() string {
	id := make([]byte, 0, idLength)
	var random [2 * idLength]byte
	for len(id) < idLength {
		rand.Read(random[:]) // never fails, see its documentation
		for _, b := range random {
			// 31 letters from 32 values: taking the last one again would favour a letter.
			if i := int(b & 31); i < len(idAlphabet) && len(id) < idLength {
				id = append(id, idAlphabet[i])
			}
		}
	}
	return string(id)
}

// validID reports whether id can be part of an address and the name of a folder.
func validID(id string) bool {
	return len(id) == idLength && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// Base returns the channel's origin, such as "https://video.example", without a final slash.
func (c Channel) Base() string {
	if c.Local {
		return "http://" + c.Domain
	}
	return "https://" + c.Domain
}

// WatchURL returns the address of v's page.
func (c Channel) WatchURL(v Video) string { return c.Base() + "/w/" + v.ID }

// EmbedURL returns the address of v's bare player, for other sites' frames.
func (c Channel) EmbedURL(v Video) string { return c.Base() + "/embed/" + v.ID }

// MediaURL returns the address of a file of the revision that v serves now.
func (c Channel) MediaURL(v Video, file string) string { return c.Base() + v.MediaPath(file) }

// MediaPath returns the path on our host of a file of the revision that v serves now.
func (v Video) MediaPath(file string) string {
	return "/media/" + v.ID + "/" + strconv.Itoa(v.Media.Rev) + "/" + file
}

// CaptionPath returns the path on our host of one of v's captions.
func (v Video) CaptionPath(c Caption) string { return "/media/" + v.ID + "/captions/" + c.File }

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, see its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
