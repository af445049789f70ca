package budget

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// Parts are small, so that who is urgent never waits long behind one.
const (
	partSize  = 16 << 10
	partMost  = 256 << 10
	partsPerS = 100 // at high rates, parts of about 10 ms
)

// Writer passes bytes on at the gate's pace, in small parts, and lets the Budget see how fast
// the socket takes them. Each part reaches the underlying writer as one Write, or as one
// ReadFrom (sendfile) of that length.
type Writer struct {
	ctx    context.Context
	budget *Budget
	claim  Claim
	since  time.Time // when the claim's Slack was right
	w      io.Writer
	left   atomic.Int64 // announced and not yet sent
	late   *time.Timer  // nil where nothing was announced
}

// owedFor is how long announced bytes hold back others: a receiver that takes none of them
// keeps its answer open for minutes.
const owedFor = 10 * time.Second

// Writer returns a writer to w whose bytes pass the gate. total is how many will come: Queue
// counts what is still to be sent under leases. Close it in the end.
func (b *Budget) Writer(ctx context.Context, c Claim, total int64, w io.Writer) *Writer {
	out := &Writer{ctx: ctx, budget: b, claim: c, since: b.now(), w: w}
	if c.Class == Leased && total > 0 {
		out.left.Store(total)
		b.owed.Add(total)
		out.late = time.AfterFunc(owedFor, out.forgive)
	}
	return out
}

// Write passes p on.
func (w *Writer) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		n := min(len(p), w.budget.part())
		if err := w.budget.Take(w.ctx, w.due(), n); err != nil {
			return written, err
		}
		began := w.budget.now()
		k, err := w.w.Write(p[:n])
		w.sent(began, int64(k))
		written += k
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// ReadFrom copies r until its end, by sendfile where both ends can.
func (w *Writer) ReadFrom(r io.Reader) (written int64, err error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		return w.copyLimited(limited)
	}
	return io.Copy(writeOnly{w}, r)
}

// copyLimited copies what http.ServeContent hands over. Each part is again a limited reader
// of the same file, which is the form that the net package sends with sendfile.
func (w *Writer) copyLimited(r *io.LimitedReader) (written int64, err error) {
	for r.N > 0 {
		n := min(r.N, int64(w.budget.part()))
		if err := w.budget.Take(w.ctx, w.due(), int(n)); err != nil {
			return written, err
		}
		began := w.budget.now()
		k, err := io.CopyN(w.w, r.R, n)
		w.sent(began, k)
		written += k
		r.N -= k
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// due is the claim of the next part: its deadline is that of the whole answer, and comes nearer
// while the parts before it wait.
func (w *Writer) due() Claim {
	c := w.claim
	c.Slack -= w.budget.now().Sub(w.since)
	return c
}

// Close gives back what was announced and not sent.
func (w *Writer) Close() error {
	if w.late != nil {
		w.late.Stop()
	}
	w.forgive()
	return nil
}

func (w *Writer) forgive() { w.budget.owed.Add(-w.left.Swap(0)) }

func (w *Writer) sent(began time.Time, n int64) {
	w.budget.drain.wrote(began, w.budget.now(), n)
	for left := w.left.Load(); left > 0; left = w.left.Load() {
		if part := min(n, left); w.left.CompareAndSwap(left, left-part) {
			w.budget.owed.Add(-part)
			return
		}
	}
}

// part is the size of the next part.
func (b *Budget) part() int {
	if b.open.Load() {
		return partMost
	}
	b.mu.Lock()
	rate := b.bucket.rate
	b.mu.Unlock()
	if rate == 0 {
		return partMost
	}
	return min(max(int(rate/partsPerS), partSize), partMost)
}

// writeOnly hides ReadFrom, so that io.Copy calls Write.
type writeOnly struct{ w *Writer }

// Write passes p on.
func (o writeOnly) Write(p []byte) (int, error) { return o.w.Write(p) }
