// Package files sends immutable files: byte ranges, conditional requests, HEAD, by
// the kernel's sendfile where the connection allows it. A slow reader is given time
// for each piece and never a deadline for the whole; a reader that stops is let go.
//
// It opens nothing and decides nothing about who may read: its caller does.
package files

import (
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"
)

const (
	piece     = 256 << 10         // sent under one deadline
	pieceTime = 150 * time.Second // 14 kbit/s, less than EDGE gives a phone
)

// ETag returns a strong entity tag for a file that never changes under its name. The
// revision is part of it because a replaced video uses the same names again.
func ETag(name string, rev int, size int64) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", name, rev)
	return fmt.Sprintf(`"%x-%x"`, h.Sum64(), size)
}

// Gate returns what the bytes [from, to) of a file pass on their way to w. It is closed
// when they have, or when the client has gone.
type Gate func(w io.Writer, from, to int64) io.WriteCloser

// Send answers r with the file. The caller has set Content-Type, ETag and caching. A nil
// gate lets everything through.
func Send(w http.ResponseWriter, r *http.Request, f *os.File, gate Gate) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("send file: %w", err)
	}
	if rng := r.Header.Get("Range"); rng != "" {
		narrow(r, rng, info.Size())
	}
	return serve(w, r, info, f, gate)
}

// SendFirst answers r with the first n bytes of the file, as if they were all of it.
func SendFirst(w http.ResponseWriter, r *http.Request, f *os.File, n int64, gate Gate) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("send the start of a file: %w", err)
	}
	return serve(w, r, info, io.NewSectionReader(f, 0, n), gate)
}

func serve(w http.ResponseWriter, r *http.Request, info fs.FileInfo, body io.ReadSeeker, gate Gate) error {
	pace := &pacer{ResponseWriter: w, control: http.NewResponseController(w)}
	if gate == nil || r.Method == http.MethodHead {
		http.ServeContent(pace, r, "", info.ModTime(), body)
		return nil
	}
	gated := &gated{pacer: pace, gate: gate}
	defer gated.close()
	http.ServeContent(gated, r, "", info.ModTime(), body)
	return nil
}

// narrow makes the request's range one that can be answered with one part of the file
// or with 416, so that no list of ranges makes us send more than the file holds. RFC
// 9110, 14.2 and 15.3.7 allow both: to ignore a range and to answer a subset.
func narrow(r *http.Request, header string, size int64) {
	if one, ok := oneRange(header, size); ok {
		r.Header.Set("Range", one)
	} else {
		r.Header.Del("Range")
	}
}

// pacer renews the write deadline for each piece. It keeps the way to sendfile open:
// net/http's ReadFrom is called with the file itself behind an io.LimitedReader, which
// is what package net recognises.
type pacer struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Unwrap is for http.ResponseController.
func (p *pacer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *pacer) Write(b []byte) (int, error) {
	p.renew()
	return p.ResponseWriter.Write(b)
}

func (p *pacer) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	to, direct := p.ResponseWriter.(io.ReaderFrom)
	if !ok || !direct {
		return io.Copy(struct{ io.Writer }{p}, src)
	}
	var sent int64
	for limited.N > 0 {
		p.renew()
		part := &io.LimitedReader{R: limited.R, N: min(piece, limited.N)}
		n, err := to.ReadFrom(part)
		sent += n
		limited.N -= n
		if err != nil {
			return sent, err
		}
		if part.N > 0 { // the file is shorter than it was
			return sent, nil
		}
	}
	return sent, nil
}

// renew is best effort: a writer without deadlines, as in tests, still gets the bytes.
func (p *pacer) renew() { _ = p.control.SetWriteDeadline(time.Now().Add(pieceTime)) }
