package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// What waits of one host is bounded, and others do not feel it.
func TestFullInbox(t *testing.T) {
	s := open(t)
	take := func(host string, from, n int) (fresh, again, full int) {
		var list []social.Received
		for i := range n {
			list = append(list, social.Received{Activity: fmt.Sprintf("https://%s/%d", host, from+i), Host: host, Body: []byte("{}")})
		}
		intake, err := s.Social().Receive(t.Context(), list, time.Now())
		must(t, err)
		for _, one := range intake {
			switch one {
			case social.Fresh:
				fresh++
			case social.Again:
				again++
			case social.Full:
				full++
			}
		}
		return fresh, again, full
	}
	for _, test := range []struct {
		host               string
		from, n            int
		fresh, again, full int
	}{
		{"a.example", 0, 1999, 1999, 0, 0},
		{"a.example", 1998, 5, 1, 1, 3},
		{"a.example", 0, 3, 0, 3, 0},
		{"b.example", 0, 2, 2, 0, 0},
	} {
		fresh, again, full := take(test.host, test.from, test.n)
		same(t, [3]int{fresh, again, full}, [3]int{test.fresh, test.again, test.full})
	}
	next, err := s.Social().Next(t.Context(), "a.example", time.Now())
	must(t, err)
	must(t, s.Social().Worked(t.Context(), next.ID, ""))
	fresh, _, _ := take("a.example", 3000, 2)
	same(t, fresh, 1)
}
