package server

import (
	"encoding/json"
	"net/http"

	"github.com/tubelet/tubelet/server/views"
)

// countView takes a player's word that ten seconds of a video were watched. Views of
// what is hidden, the creator's own, do not count.
func (s *site) countView(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	var told struct {
		Session string `json:"session"`
	}
	if err := json.NewDecoder(r.Body).Decode(&told); err != nil || len(told.Session) > 100 {
		return &statusError{http.StatusBadRequest, "A view is reported with the session of its page."}
	}
	if v.key != "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	report := views.Report{Video: v.ID, Session: told.Session, Address: s.clientAddress(r), Agent: r.UserAgent()}
	if s.views.Count(report) == views.TooMany {
		w.Header().Set("Retry-After", "60")
		return &statusError{status: http.StatusTooManyRequests}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
