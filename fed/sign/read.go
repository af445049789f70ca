package sign

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// How far a sender's clock may be off. Mastodon retries with the same date for an hour.
const (
	oldest  = time.Hour
	newest  = 5 * time.Minute
	maxText = 8 << 10 // bytes of a signature's headers
)

// Signature is a signature whose request is in order, but for the key.
type Signature struct {
	KeyID  string
	verify func(*rsa.PublicKey) error
}

// Verify checks the signature with the key of its KeyID. What it returns is an *Error.
func (s Signature) Verify(key *rsa.PublicKey) error { return s.verify(key) }

// Read checks all of a received request that can be checked without a key: that it is
// signed, with a known scheme, over enough of it, lately, for this host, and that body is the
// body that was signed. What it returns is an *Error. The host is that of r.Host, which the
// caller has compared with his own.
func Read(r *http.Request, body []byte, now time.Time) (Signature, error) {
	if len(r.Header["Signature"]) != 1 {
		return Signature{}, refuse("no Signature header, or several")
	}
	if len(r.Header.Get("Signature"))+len(r.Header.Get("Signature-Input")) > maxText {
		return Signature{}, refuse("its header is too long")
	}
	if len(r.Header["Signature-Input"]) > 0 {
		return readMessage(r, body, now)
	}
	return readCavage(r, body, now)
}

// hasBody reports whether a request of this method must prove its body.
func hasBody(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// inTime checks when a request was signed.
func inTime(at, now time.Time) error {
	if now.Sub(at) > oldest {
		return refuse("signed %s ago", now.Sub(at).Round(time.Second))
	}
	if at.Sub(now) > newest {
		return refuse("signed %s in the future", at.Sub(now).Round(time.Second))
	}
	return nil
}

// checkDigest compares a body with the digests of a header such as
// "SHA-256=base64" (RFC 3230) or "sha-256=:base64:" (RFC 9530). One known algorithm has to
// be there, and every known one has to agree.
func checkDigest(values []string, body []byte) error {
	known := false
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		want, ok := sum(name, body)
		if !ok {
			continue
		}
		got, err := base64.StdEncoding.DecodeString(strings.Trim(text, ":"))
		if err != nil || subtle.ConstantTimeCompare(got, want) != 1 {
			return refuse("the body is not the one that was signed")
		}
		known = true
	}
	if !known {
		return refuse("no digest of the body that we can compute")
	}
	return nil
}

func sum(name string, body []byte) ([]byte, bool) {
	switch strings.ToLower(name) {
	case "sha-256":
		s := sha256.Sum256(body)
		return s[:], true
	case "sha-512":
		s := sha512.Sum512(body)
		return s[:], true
	}
	return nil, false
}

// absent returns the first name that the request has no such header for, or several of a
// kind that may only be once.
func absent(r *http.Request, names []string) string {
	for _, name := range names {
		switch {
		case name == "host" || strings.HasPrefix(name, "(") || strings.HasPrefix(name, "@"):
		case len(r.Header.Values(name)) != 1:
			return name
		}
	}
	return ""
}
