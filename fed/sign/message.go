package sign

import (
	"bytes"
	"crypto/rsa"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// readMessage reads a signature of RFC 9421, in the part of it that the fediverse uses:
// rsa-v1_5-sha256 over components without parameters.
func readMessage(r *http.Request, body []byte, now time.Time) (Signature, error) {
	input, proof, err := messageParts(r)
	if err != nil {
		return Signature{}, err
	}
	var covered []string
	for _, item := range input.Items {
		name, ok := item.Value.(string)
		if !ok || len(item.Params.Names()) > 0 || slices.Contains(covered, name) {
			return Signature{}, refuse("a covered component cannot be read")
		}
		covered = append(covered, name)
	}
	id, err := checkMessage(r, input, covered, body, now)
	if err != nil {
		return Signature{}, err
	}
	base, err := signatureBase(r, input, covered)
	if err != nil {
		return Signature{}, err
	}
	return Signature{KeyID: id, verify: func(key *rsa.PublicKey) error { return verify(key, base, proof) }}, nil
}

// messageParts finds the one signature of a request (RFC 9421, section 4).
func messageParts(r *http.Request) (httpsfv.InnerList, []byte, error) {
	inputs, err := httpsfv.UnmarshalDictionary(r.Header["Signature-Input"])
	if err != nil {
		return httpsfv.InnerList{}, nil, refuse("Signature-Input cannot be read")
	}
	proofs, err := httpsfv.UnmarshalDictionary(r.Header["Signature"])
	if err != nil {
		return httpsfv.InnerList{}, nil, refuse("Signature cannot be read")
	}
	if len(inputs.Names()) != 1 {
		return httpsfv.InnerList{}, nil, refuse("there is not exactly one signature")
	}
	label := inputs.Names()[0]
	member, _ := inputs.Get(label)
	input, ok := member.(httpsfv.InnerList)
	if !ok {
		return httpsfv.InnerList{}, nil, refuse("Signature-Input names no components")
	}
	member, _ = proofs.Get(label)
	item, _ := member.(httpsfv.Item)
	proof, ok := item.Value.([]byte)
	if !ok {
		return httpsfv.InnerList{}, nil, refuse("there is no signature %q", label)
	}
	return input, proof, nil
}

// checkMessage checks the signature's parameters, what is covered, and the digest (RFC
// 9530); it returns the key id.
func checkMessage(r *http.Request, input httpsfv.InnerList, covered []string, body []byte, now time.Time) (string, error) {
	id, _ := param[string](input, "keyid")
	if id == "" {
		return "", refuse("no keyid")
	}
	if algorithm, named := param[string](input, "alg"); named && algorithm != "rsa-v1_5-sha256" {
		return "", refuse("algorithm %q is not taken, only rsa-v1_5-sha256", algorithm)
	}
	created, ok := param[int64](input, "created")
	if !ok {
		return "", refuse("no created")
	}
	if err := inTime(time.Unix(created, 0), now); err != nil {
		return "", err
	}
	if expires, named := param[int64](input, "expires"); named && now.Unix() > expires {
		return "", refuse("it has expired")
	}
	whole := slices.Contains(covered, "@target-uri")
	split := slices.Contains(covered, "@authority") && slices.Contains(covered, "@path") && (slices.Contains(covered, "@query") || !strings.Contains(r.RequestURI, "?"))
	if !slices.Contains(covered, "@method") || !whole && !split {
		return "", refuse("@method and @target-uri are not covered")
	}
	if name := absent(r, covered); name != "" {
		return "", refuse("there is not exactly one header %s", name)
	}
	if !hasBody(r) {
		return id, nil
	}
	if !slices.Contains(covered, "content-digest") {
		return "", refuse("content-digest is not covered")
	}
	return id, checkDigest(r.Header["Content-Digest"], body)
}

func param[T any](list httpsfv.InnerList, name string) (T, bool) {
	value, _ := list.Params.Get(name)
	typed, ok := value.(T)
	return typed, ok
}

// signatureBase builds the text that was signed (RFC 9421, section 2.5). The address is
// that of a site behind TLS, or plain where the request came in the clear to a local one.
func signatureBase(r *http.Request, input httpsfv.InnerList, covered []string) ([]byte, error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	var b bytes.Buffer
	for _, name := range covered {
		value := ""
		switch name {
		case "@method":
			value = r.Method
		case "@target-uri":
			value = scheme(r) + "://" + r.Host + r.RequestURI
		case "@scheme":
			value = scheme(r)
		case "@authority":
			value = strings.ToLower(r.Host)
		case "@path":
			value = path
		case "@query":
			value = "?" + query
		case "@request-target":
			value = r.RequestURI
		default:
			if strings.HasPrefix(name, "@") {
				return nil, refuse("component %s is not known", name)
			}
			value = r.Host
			if name != "host" {
				value = strings.TrimSpace(r.Header.Get(name))
			}
		}
		b.WriteString(`"` + name + `": ` + value + "\n")
	}
	params, err := httpsfv.Marshal(httpsfv.List{input})
	if err != nil {
		return nil, refuse("its parameters cannot be written")
	}
	b.WriteString(`"@signature-params": ` + params)
	return b.Bytes(), nil
}

// scheme is that of the address by which the sender knows us. The server sets it in the
// request's URL, since TLS may end before us.
func scheme(r *http.Request) string {
	if r.URL.Scheme != "" {
		return r.URL.Scheme
	}
	if r.TLS == nil {
		return "http"
	}
	return "https"
}
