package cache

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/assets"
)

// worthPacking is the size from which compression pays.
const worthPacking = 600

// Made is a finished answer. It never changes.
type Made struct {
	answer Answer
	tag    string // of the plain body
	packed []byte // gzip of the body, nil when not worth it
}

// Make finishes an answer that is not to be kept.
func Make(a Answer) *Made { return finish(a, nil) }

func (m *Made) size() int { return len(m.answer.Body) + len(m.packed) }

// Serve answers a GET or HEAD request: compressed where the client takes it, and with
// nothing but 304 where it has the answer already (RFC 9110, 13.1.2).
func (m *Made) Serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	body, etag := m.choose(h, r)
	h.Set("ETag", etag)
	if knows(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		h.Set("Cache-Control", m.answer.Cache)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	m.send(w, r, http.StatusOK, body)
}

// Send answers with the given status, which is not 200.
func (m *Made) Send(w http.ResponseWriter, r *http.Request, status int) {
	body, _ := m.choose(w.Header(), r)
	m.send(w, r, status, body)
}

// choose picks the form that the client takes.
func (m *Made) choose(h http.Header, r *http.Request) (body []byte, etag string) {
	if m.packed == nil {
		return m.answer.Body, `"` + m.tag + `"`
	}
	h.Add("Vary", "Accept-Encoding")
	if !assets.AcceptsGzip(r.Header.Get("Accept-Encoding")) {
		return m.answer.Body, `"` + m.tag + `"`
	}
	h.Set("Content-Encoding", "gzip")
	return m.packed, `"` + m.tag + `-gz"`
}

func (m *Made) send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Cache-Control", m.answer.Cache)
	h.Set("Content-Type", m.answer.Type)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) // an error is the client's, who has gone
	}
}

// knows reports whether an If-None-Match header names the entity tag.
func knows(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
	}
	return false
}

// pack compresses body, unless that does not pay. Writing to memory at a level that
// exists cannot fail.
func pack(body []byte) []byte {
	if len(body) < worthPacking {
		return nil
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	z.Write(body)
	z.Close()
	if b.Len() >= len(body) {
		return nil
	}
	return bytes.Clone(b.Bytes())
}
