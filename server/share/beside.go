package share

import "net/http"

// Beside lets the budget know of what next sends without asking it: see budget.Beside.
func (s *Share) Beside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&beside{w, s}, r)
	})
}

type beside struct {
	http.ResponseWriter
	share *Share
}

// Write counts what goes.
func (b *beside) Write(p []byte) (int, error) {
	b.share.budget.Beside(len(p))
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (b *beside) Unwrap() http.ResponseWriter { return b.ResponseWriter }
