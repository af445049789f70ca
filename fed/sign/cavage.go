package sign

import (
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// requestTarget stands for method and path among what is covered.
const requestTarget = "(request-target)"

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
	covered := strings.Fields(strings.ToLower(params["headers"]))
	if err := checkCavage(r, params, covered, body, now); err != nil {
		return Signature{}, err
	}
	text, err := cavageText(r.Method, r.RequestURI, r.Host, r.Header, covered, params)
	if err != nil {
		return Signature{}, err
	}
	proof, err := base64.StdEncoding.DecodeString(params["signature"])
	if err != nil {
		return Signature{}, refuse("it is no base64")
	}
	return Signature{KeyID: params["keyId"], verify: func(key *rsa.PublicKey) error { return verify(key, text, proof) }}, nil
}

// checkCavage checks what is covered, the time and the digest.
func checkCavage(r *http.Request, params map[string]string, covered []string, body []byte, now time.Time) error {
	need := []string{requestTarget, "host"}
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
	seconds := map[string]int64{}
	for _, name := range []string{"created", "expires"} {
		if params[name] == "" {
			continue
		}
		n, err := strconv.ParseInt(params[name], 10, 64)
		if err != nil {
			return refuse("%s cannot be read", name)
		}
		seconds[name] = n
	}
	if end, named := seconds["expires"]; named && now.Unix() > end {
		return refuse("it has expired")
	}
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
		return inTime(time.Unix(seconds["created"], 0), now)
	}
	return nil
}

// cavageText builds the text that is signed (section 2.3 of the draft), for reading and for
// signing. The target is what goes over the wire, not what it reads decoded.
func cavageText(method, target, host string, header http.Header, covered []string, params map[string]string) ([]byte, error) {
	var lines []string
	for _, name := range covered {
		var value string
		switch name {
		case requestTarget:
			value = strings.ToLower(method) + " " + target
		case "host":
			value = host
		case "(created)", "(expires)":
			value = params[strings.Trim(name, "()")]
			if value == "" {
				return nil, refuse("%s is covered and not there", name)
			}
		default:
			if len(header.Values(name)) != 1 {
				return nil, refuse("%s is covered and not known", name)
			}
			value = strings.TrimSpace(header.Get(name))
		}
		lines = append(lines, name+": "+value)
	}
	return []byte(strings.Join(lines, "\n")), nil
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
	return params, nil
}
