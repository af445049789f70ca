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

// A block of a domain is one of all hosts below it, and of none that only ends like it.
func TestBlockDomain(t *testing.T) {
	s, now := open(t), time.Now()
	f := s.Social()
	for _, host := range []string{"spam.example", "a.spam.example", "b.a.spam.example", "notspam.example", "example"} {
		id, err := f.SaveActor(t.Context(), social.Actor{URI: "https://" + host + "/u", Acct: "@u@" + host, Host: host, Inbox: "https://" + host + "/i", SharedInbox: "https://" + host + "/i", FetchedAt: now})
		must(t, err)
		_, err = f.Follow(t.Context(), social.Person, id, "https://"+host+"/f", true, now)
		must(t, err)
	}
	_, err := f.Block(t.Context(), social.Block{Target: "spam.example", At: now})
	must(t, err)
	_, left, err := f.Followers(t.Context(), social.Person, 0, 10)
	must(t, err)
	same(t, left, 2)
	must(t, f.Send(t.Context(), social.Outgoing{URI: "https://us.example/1", By: social.Person, Inboxes: []social.Recipient{
		{Inbox: "https://c.spam.example/i", Host: "c.spam.example"}, {Inbox: "https://notspam.example/i", Host: "notspam.example"},
	}}, now))
	queued, _, err := f.Queue(t.Context())
	must(t, err)
	same(t, queued, 1)
}
