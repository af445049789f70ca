package files

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

// gated sends the body of an answer through a gate, which learns from the head which bytes
// are coming. It stands before the pacer, so that the time at the gate does not count
// against the deadline of a write.
type gated struct {
	*pacer
	gate Gate
	out  io.WriteCloser // nil until there is a body of the file
}

func (g *gated) WriteHeader(status int) {
	if from, to, ok := extent(g.Header(), status); ok {
		g.out = g.gate(g.pacer, from, to)
	}
	g.pacer.WriteHeader(status)
}

func (g *gated) Write(b []byte) (int, error) {
	if g.out == nil {
		return g.pacer.Write(b)
	}
	return g.out.Write(b)
}

func (g *gated) ReadFrom(src io.Reader) (int64, error) {
	if to, ok := g.out.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	if g.out == nil {
		return g.pacer.ReadFrom(src)
	}
	return io.Copy(g.out, src)
}

func (g *gated) close() {
	if g.out != nil {
		g.out.Close() // an error is the client's, who has gone
	}
}

// extent reads which bytes of the file an answer carries from its head.
func extent(h http.Header, status int) (from, to int64, ok bool) {
	length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil || length <= 0 {
		return 0, 0, false
	}
	switch status {
	case http.StatusOK:
		return 0, length, true
	case http.StatusPartialContent: // "bytes 100-199/1000", of one range: see narrow
		text, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Content-Range"), "bytes "), "-")
		from, err = strconv.ParseInt(text, 10, 64)
		return from, from + length, err == nil
	}
	return 0, 0, false
}
