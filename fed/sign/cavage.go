package sign

import (
	"crypto/rsa"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-fed/httpsig"
)

// readCavage reads a signature of draft-cavage-http-signatures-12.
func readCavage(r *http.Request, body []byte, now time.Time) (Signature, error) {
	params, err := cavageParams(r.Header.Get("Signature"))
	if err != nil {
		return Signature{}, err
	}
	switch strings.ToLower(params["algorithm"]) {
	case "", "rsa-sha256", "hs2019":
	default:
		return Signature{}, refuse("algorithm %q is not taken, only rsa-sha256", params["algorithm"])
	}
	if err := checkCavage(r, params, body, now); err != nil {
		return Signature{}, err
	}
	verifier, err := httpsig.NewVerifier(canonical(r, params))
	if err != nil {
		return Signature{}, refuse("%v", err)
	}
	return Signature{KeyID: params["keyId"], verify: func(key *rsa.PublicKey) error {
		if err := verifier.Verify(key, httpsig.RSA_SHA256); err != nil {
			return refuse("it does not fit the key")
		}
		return nil
	}}, nil
}

// checkCavage checks what is covered, the time and the digest: nothing of which the library
// looks at.
func checkCavage(r *http.Request, params map[string]string, body []byte, now time.Time) error {
	covered := strings.Fields(strings.ToLower(params["headers"]))
	need := []string{httpsig.RequestTarget, "host"}
	if hasBody(r) {
		need = append(need, "digest")
	}
	for _, name := range need {
		if !slices.Contains(covered, name) {
			return refuse("%s is not covered", name)
		}
	}
	if name := absent(r, covered); name != "" {
		return refuse("there is not exactly one header %s", name)
	}
	if hasBody(r) {
		if err := checkDigest(r.Header["Digest"], body); err != nil {
			return err
		}
	}
	return cavageTime(r, params, covered, now)
}

func cavageTime(r *http.Request, params map[string]string, covered []string, now time.Time) error {
	dated, created := slices.Contains(covered, "date"), slices.Contains(covered, "(created)")
	if !dated && !created {
		return refuse("neither date nor (created) is covered")
	}
	if dated {
		at, err := http.ParseTime(r.Header.Get("Date"))
		if err != nil {
			return refuse("its date cannot be read")
		}
		if err := inTime(at, now); err != nil {
			return err
		}
	}
	if created {
		seconds, err := strconv.ParseInt(params["created"], 10, 64)
		if err != nil {
			return refuse("its time cannot be read")
		}
		return inTime(time.Unix(seconds, 0), now)
	}
	return nil
}

// cavageParams takes the Signature header apart. Spaces around commas are allowed here,
// and a parameter that is there twice is not.
func cavageParams(text string) (map[string]string, error) {
	params := map[string]string{}
	for text = strings.TrimSpace(text); text != ""; {
		name, rest, found := strings.Cut(text, "=")
		if !found {
			return nil, refuse("its header cannot be read")
		}
		var value string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			value, rest, found = strings.Cut(quoted, `"`)
			if !found {
				return nil, refuse("its header cannot be read")
			}
			rest = strings.TrimLeft(rest, " ")
		} else {
			end := strings.IndexByte(rest+",", ',')
			value, rest = strings.TrimSpace(rest[:end]), rest[end:]
		}
		if rest != "" && rest[0] != ',' {
			return nil, refuse("its header cannot be read")
		}
		name = strings.TrimSpace(name)
		if _, twice := params[name]; twice {
			return nil, refuse("%q is there twice", name)
		}
		params[name] = value
		text = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	for _, name := range []string{"keyId", "headers", "signature"} {
		if params[name] == "" {
			return nil, refuse("no %s", name)
		}
	}
	// The library cuts at every comma: what stands behind one would be another parameter to it.
	for _, name := range []string{"keyId", "headers", "signature", "created", "expires"} {
		if strings.ContainsAny(params[name], `",`) {
			return nil, refuse("%s cannot be read", name)
		}
	}
	return params, nil
}

// canonical returns the request in the one form that the library verifies: no space
// after a comma, and the path as it was sent, not as it reads decoded.
func canonical(r *http.Request, params map[string]string) *http.Request {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	text := `keyId="` + params["keyId"] + `",headers="` + strings.ToLower(strings.Join(strings.Fields(params["headers"]), " ")) +
		`",signature="` + params["signature"] + `"`
	for _, name := range []string{"created", "expires"} {
		if params[name] != "" {
			text += "," + name + "=" + params[name]
		}
	}
	header := maps.Clone(r.Header)
	header["Signature"] = []string{text}
	header["Host"] = []string{r.Host}
	delete(header, "Authorization")
	return &http.Request{Method: r.Method, Host: r.Host, Header: header, URL: &url.URL{Path: path, RawQuery: query}}
}
