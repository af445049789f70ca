package vocab

import (
	"testing"
	"time"
)

// GoToSocial shows whatever has an "updated" as edited, so only what was edited has it.
func TestEditedNote(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, test := range []struct {
		edited time.Time
		want   any
	}{
		{time.Time{}, nil},
		{at, nil},
		{at.Add(time.Minute), "2026-02-03T04:06:06Z"},
	} {
		note := testSite().Note(Reply{Number: 1, Video: "abcdefghjk", HTML: "<p>Yes</p>", Published: at, Edited: test.edited})
		if got := note["updated"]; got != test.want {
			t.Errorf("edited %v: updated %v, want %v", test.edited, got, test.want)
		}
	}
}
