// Package sign proves who sent a request between servers: it signs ours and reads
// theirs. Two schemes are in use. Everybody sends and takes draft-cavage-http-signatures;
// some knock with RFC 9421 first. For both, what is checked here is more than the
// signature: the body against its digest, which parts of the request are covered, and when it
// was made.
//
// Reading takes two steps, so that nothing is fetched for a request that could not be
// right: Read checks all that needs no key and tells whose key it wants, and
// Signature.Verify does the rest with that key.
package sign

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/go-fed/httpsig"
)

// Error says why a request is not believed. It is answered with 401, which also makes
// a sender of RFC 9421 try again with the older scheme.
type Error struct{ Reason string }

func (e *Error) Error() string { return "signature: " + e.Reason }

func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Key signs for one actor. Several actors may share the private key.
type Key struct {
	ID      string // address of the public key: the actor's, with a fragment
	private *rsa.PrivateKey
}

// Load reads the private key of a channel, PKCS #8 in PEM.
func Load(file string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the actor's key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read the actor's key: %s holds no PEM block", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the actor's key: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read the actor's key: %s holds a %T, not an RSA key", file, key)
	}
	return private, nil
}

// NewKey returns the key with which the actor of that key id signs.
func NewKey(id string, private *rsa.PrivateKey) Key { return Key{id, private} }

// PublicPEM returns the public half as actors show it: SPKI, "BEGIN PUBLIC KEY", the only
// form that every peer reads.
func (k Key) PublicPEM() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		return "", fmt.Errorf("encode the public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// Sign adds Date, Digest (with a body) and Signature to a request that is about to be
// sent to the host of its URL. A request is signed once: for another attempt, build another.
func (k Key) Sign(r *http.Request, body []byte) error {
	covered := []string{httpsig.RequestTarget, "host", "date"}
	if body != nil {
		covered = append(covered, "digest")
	}
	// Its signers are for one goroutine and one moment only.
	signer, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256, covered, httpsig.Signature, 0)
	if err != nil {
		return fmt.Errorf("make a signer: %w", err)
	}
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	r.Header.Set("Host", r.URL.Host) // read by the signer; the transport sends its own
	// It would sign the path decoded, which is not what goes over the wire.
	asSent := &http.Request{Method: r.Method, Header: r.Header, URL: &url.URL{Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery}}
	if err := signer.SignRequest(k.private, k.ID, asSent, body); err != nil {
		return fmt.Errorf("sign the request: %w", err)
	}
	return nil
}

// Sizes of RSA keys that are believed. Larger ones cost a verifier more than a sender.
const (
	minBits = 2048
	maxBits = 8192
)

// ParseKey reads the public key of another actor. It takes RSA keys of a sane size only,
// SPKI or PKCS #1: nothing else is signed with in practice.
func ParseKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("read a public key: no PEM block")
	}
	key, err := parseDER(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read a public key: %w", err)
	}
	if bits := key.N.BitLen(); bits < minBits || bits > maxBits {
		return nil, fmt.Errorf("read a public key: RSA of %d bits, want %d to %d", bits, minBits, maxBits)
	}
	return key, nil
}

func parseDER(der []byte) (*rsa.PublicKey, error) {
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a %T, not an RSA key", key)
	}
	return public, nil
}

// verify checks one RSASSA-PKCS1-v1_5 signature with SHA-256, the algorithm that both
// schemes have in common, whatever name they give it.
func verify(key *rsa.PublicKey, text, signature []byte) error {
	sum := crypto.SHA256.New()
	sum.Write(text)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum.Sum(nil), signature); err != nil {
		return refuse("it does not fit the key")
	}
	return nil
}
