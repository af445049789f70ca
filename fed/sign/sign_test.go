package sign

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const body = `{"type":"Like","id":"https://peer.example/likes/1"}`

// sent is a signed request as a server receives it, from a real connection.
func sent(t *testing.T, method, target, body string, change func(*http.Request)) *http.Request {
	t.Helper()
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = r.Clone(t.Context())
		got.Body = io.NopCloser(bytes.NewReader(text))
	}))
	defer server.Close()
	var reader io.Reader
	if method == http.MethodPost {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, reader)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return got
}

func testKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// check is both steps.
func check(r *http.Request, body string, now time.Time, key *rsa.PublicKey) (string, error) {
	signature, err := Read(r, []byte(body), now)
	if err != nil {
		return "", err
	}
	return signature.KeyID, signature.Verify(key)
}

func TestOwnRequests(t *testing.T) {
	private := testKey(t, 2048)
	key := NewKey("https://peer.example/users/ada#main-key", private)
	for _, target := range []string{"/inbox", "/in%2Fbox/%C3%A9?page=1&x=%20", "/"} {
		post := sent(t, http.MethodPost, target, body, func(r *http.Request) {
			if err := key.Sign(r, []byte(body)); err != nil {
				t.Fatal(err)
			}
		})
		if id, err := check(post, body, time.Now(), &private.PublicKey); err != nil || id != key.ID {
			t.Errorf("POST %s: %q, %v", target, id, err)
		}
	}
	get := sent(t, http.MethodGet, "/users/ada?x=1", "", func(r *http.Request) {
		if err := key.Sign(r, nil); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := check(get, "", time.Now(), &private.PublicKey); err != nil {
		t.Errorf("GET: %v", err)
	}
}

// cavage signs as another program does: written from the draft, not with our library.
func cavage(t *testing.T, key *rsa.PrivateKey, headers, extra string) func(*http.Request) {
	return func(r *http.Request) {
		sum := sha256.Sum256([]byte(body))
		set(r, "Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
		set(r, "Date", time.Now().UTC().Format(http.TimeFormat))
		var text []string
		for name := range strings.FieldsSeq(headers) {
			switch name {
			case "(request-target)":
				text = append(text, name+": "+strings.ToLower(r.Method)+" "+r.URL.RequestURI())
			case "(created)":
				_, created, _ := strings.Cut(extra, "created=")
				text = append(text, name+": "+strings.TrimSuffix(created, ","))
			case "host":
				text = append(text, "host: "+r.URL.Host)
			default:
				text = append(text, name+": "+r.Header.Get(name))
			}
		}
		proof := rawSign(t, key, strings.Join(text, "\n"))
		r.Header.Set("Signature", `keyId="https://peer.example/users/ada#main-key", headers="`+headers+`", `+extra+`signature="`+proof+`"`)
	}
}

func set(r *http.Request, name, value string) {
	if r.Header.Get(name) == "" {
		r.Header.Set(name, value)
	}
}

func rawSign(t *testing.T, key *rsa.PrivateKey, text string) string {
	sum := sha256.Sum256([]byte(text))
	proof, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(proof)
}

// message signs with RFC 9421, written from its section 2.5.
func message(t *testing.T, key *rsa.PrivateKey, components, params string) func(*http.Request) {
	return func(r *http.Request) {
		sum := sha256.Sum256([]byte(body))
		set(r, "Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		var list, text []string
		for name := range strings.FieldsSeq(components) {
			value := r.Header.Get(name)
			switch name {
			case "@method":
				value = r.Method
			case "@target-uri":
				value = r.URL.String()
			case "@authority":
				value = r.URL.Host
			case "@path":
				value = r.URL.EscapedPath()
			}
			list = append(list, `"`+name+`"`)
			text = append(text, `"`+name+`": `+value)
		}
		if params == "" {
			params = fmt.Sprintf(`;created=%d;keyid="https://peer.example/users/ada#main-key"`, time.Now().Unix())
		}
		input := "(" + strings.Join(list, " ") + ")" + params
		text = append(text, `"@signature-params": `+input)
		r.Header.Set("Signature-Input", "sig1="+input)
		r.Header.Set("Signature", "sig1=:"+rawSign(t, key, strings.Join(text, "\n"))+":")
	}
}

func TestOthersRequests(t *testing.T) {
	key := testKey(t, 2048)
	all := "(request-target) host date digest"
	header := func(name, value string, then func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value); then(r) }
	}
	after := func(first func(*http.Request), name, value string) func(*http.Request) {
		return func(r *http.Request) { first(r); r.Header.Set(name, value) }
	}
	date := func(shift time.Duration) string { return time.Now().Add(shift).UTC().Format(http.TimeFormat) }
	created := func(shift time.Duration, more string) string {
		return fmt.Sprintf(`;created=%d;keyid="k"`, time.Now().Add(shift).Unix()) + more
	}
	whole := "@method @target-uri content-digest"
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		reason string // of the refusal; "" when it is believed
	}{
		{"cavage", cavage(t, key, all, `algorithm="rsa-sha256",`), ""},
		{"no algorithm", cavage(t, key, all, ""), ""},
		{"more covered", cavage(t, key, all+" content-type", ""), "content-type"},
		{"escaped path", func(r *http.Request) {
			r.URL, _ = url.Parse("http://" + r.URL.Host + "/in%2Fbox/%C3%A9")
			cavage(t, key, all, "")(r)
		}, ""},
		{"created", cavage(t, key, "(request-target) host (created) digest", fmt.Sprintf(`algorithm="hs2019",created=%d,`, time.Now().Unix())), ""},
		{"half an hour old", header("Date", date(-30*time.Minute), cavage(t, key, all, "")), ""},
		{"two hours old", header("Date", date(-2*time.Hour), cavage(t, key, all, "")), "ago"},
		{"ten minutes ahead", header("Date", date(10*time.Minute), cavage(t, key, all, "")), "future"},
		{"no such date", header("Date", "yesterday", cavage(t, key, all, "")), "date cannot be read"},
		{"nothing", func(*http.Request) {}, "no Signature"},
		{"only the date", cavage(t, key, "date", ""), "not covered"},
		{"no digest covered", cavage(t, key, "(request-target) host date", ""), "digest is not covered"},
		{"no host covered", cavage(t, key, "(request-target) date digest", ""), "host is not covered"},
		{"no target covered", cavage(t, key, "host date digest", ""), "(request-target) is not covered"},
		{"no time covered", cavage(t, key, "(request-target) host digest", ""), "neither date"},
		{"another body", header("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(make([]byte, 32)), cavage(t, key, all, "")), "body"},
		{"a weak digest", header("Digest", "MD5=1B2M2Y8AsgTpgAmY7PhCfg==", cavage(t, key, all, "")), "no digest"},
		{"a parameter within another", cavage(t, key, all, `expires="99999999999,headers=date",`), "expires cannot be read"},
		{"a parameter within the key", cavage(t, key, all, `algorithm="rsa-sha256",created="1,keyId=j",`), "created cannot be read"},
		{"HMAC", cavage(t, key, all, `algorithm="hmac-sha256",`), "algorithm"},
		{"none", cavage(t, key, all, `algorithm="none",`), "algorithm"},
		{"twice a parameter", cavage(t, key, all, `keyId="https://victim.example/#main-key",`), "twice"},
		{"cut", after(cavage(t, key, all, ""), "Signature", `keyId="k",headers="(request-target) host date digest",signature="QUJD"`), "fit the key"},
		{"too long", after(cavage(t, key, all, ""), "Signature", strings.Repeat("a", 9<<10)), "too long"},
		{"another key", cavage(t, testKey(t, 2048), all, ""), "fit the key"},

		{"RFC 9421", message(t, key, whole, ""), ""},
		{"its parts", message(t, key, "@method @authority @path content-digest", ""), ""},
		{"its algorithm", message(t, key, whole, created(0, `;alg="rsa-v1_5-sha256"`)), ""},
		{"another algorithm", message(t, key, whole, created(0, `;alg="hmac-sha256"`)), "algorithm"},
		{"no method", message(t, key, "@target-uri content-digest", ""), "not covered"},
		{"no digest", message(t, key, "@method @target-uri", ""), "content-digest is not covered"},
		{"old", message(t, key, whole, created(-2*time.Hour, "")), "ago"},
		{"expired", message(t, key, whole, created(-time.Minute, fmt.Sprintf(";expires=%d", time.Now().Add(-30*time.Second).Unix()))), "expired"},
		{"no time", message(t, key, whole, `;keyid="k"`), "no created"},
		{"no key", message(t, key, whole, fmt.Sprintf(";created=%d", time.Now().Unix())), "no keyid"},
		{"another label", after(message(t, key, whole, ""), "Signature", "sig2=:QUJD:"), "no signature"},
		{"not a list", after(message(t, key, whole, ""), "Signature-Input", "sig1=1"), "names no components"},
		{"garbage", after(message(t, key, whole, ""), "Signature-Input", "((("), "cannot be read"},
		{"tampered", after(message(t, key, whole+" content-type", ""), "Content-Type", "text/html"), "fit the key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := sent(t, http.MethodPost, "/inbox", body, test.change)
			_, err := check(r, body, time.Now(), &key.PublicKey)
			if test.reason == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var refused *Error
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("got %v, want a refusal with %q", err, test.reason)
			}
		})
	}
}

// A request that was signed for one body, path, method or host does not pass for another.
func TestReplays(t *testing.T) {
	key := testKey(t, 2048)
	for name, change := range map[string]func(*http.Request) string{
		"body":   func(*http.Request) string { return body + " " },
		"path":   func(r *http.Request) string { r.RequestURI = "/users/ada/inbox"; return body },
		"query":  func(r *http.Request) string { r.RequestURI += "?x"; return body },
		"method": func(r *http.Request) string { r.Method = http.MethodPut; return body },
		"host":   func(r *http.Request) string { r.Host = "other.example"; return body },
	} {
		for scheme, signed := range map[string]func(*http.Request){
			"cavage":   cavage(t, key, "(request-target) host date digest", ""),
			"RFC 9421": message(t, key, "@method @target-uri content-digest", ""),
		} {
			r := sent(t, http.MethodPost, "/inbox", body, signed)
			if _, err := check(r, body, time.Now(), &key.PublicKey); err != nil {
				t.Fatalf("%s: %v", scheme, err)
			}
			if _, err := check(r, change(r), time.Now(), &key.PublicKey); err == nil {
				t.Errorf("%s: another %s passes", scheme, name)
			}
		}
	}
}

func TestParseKey(t *testing.T) {
	good := testKey(t, 2048)
	spki, err := NewKey("k", good).PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	if key, err := ParseKey(spki); err != nil || !key.Equal(&good.PublicKey) {
		t.Errorf("our own key: %v", err)
	}
	weak, err := NewKey("k", testKey(t, 1024)).PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", weak, strings.Replace(spki, "\n", "", -1)} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("takes %.40q", text)
		}
	}
	huge := &rsa.PublicKey{N: good.N, E: good.E}
	huge.N = huge.N.Lsh(huge.N, 16384-2048)
	if _, err := ParseKey(mustPEM(t, huge)); err == nil {
		t.Error("takes 16384 bits")
	}
}

func mustPEM(t *testing.T, key *rsa.PublicKey) string {
	text, err := NewKey("k", &rsa.PrivateKey{PublicKey: *key}).PublicPEM()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzRead(f *testing.F) {
	f.Add(`keyId="k",headers="(request-target) host date digest",signature="QUJD"`, "", "SHA-256=QUJD")
	f.Add("sig1=:QUJD:", `sig1=("@method" "@target-uri" "content-digest");created=1;keyid="k"`, "sha-256=:QUJD:")
	f.Add(`keyId="a",created=12, headers="(created) host", signature=QUJD , algorithm=hs2019`, "", "")
	key := testKey(f, 2048)
	f.Fuzz(func(t *testing.T, signature, input, digest string) {
		r := httptest.NewRequest(http.MethodPost, "https://video.example/inbox", nil)
		r.Header.Set("Signature", signature)
		r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		r.Header.Set("Digest", digest)
		r.Header.Set("Content-Digest", digest)
		if input != "" {
			r.Header.Set("Signature-Input", input)
		}
		if _, err := check(r, body, time.Now(), &key.PublicKey); err == nil {
			t.Errorf("believes %q, %q, %q", signature, input, digest)
		}
	})
}
