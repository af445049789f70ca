package share

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A resolver that is slow, or gone, keeps nobody waiting who needs the answer now.
func TestSelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSelf("video.example:8443")
		here := []netip.Addr{netip.MustParseAddr("203.0.113.7")}
		fail := false
		asked := 0
		s.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
			time.Sleep(3 * time.Second)
			asked++
			if fail || host != "video.example" {
				return nil, errors.New("no such host")
			}
			return here, nil
		}
		begun := time.Now()
		if list := s.known(t.Context()); list != nil || time.Since(begun) != 0 {
			t.Errorf("%v after %v", list, time.Since(begun))
		}
		if list := s.addresses(t.Context()); len(list) != 1 || list[0] != here[0] {
			t.Errorf("found %v", list)
		}
		fail = true
		time.Sleep(lookupAgain)
		begun = time.Now()
		for range 3 {
			if list := s.known(t.Context()); len(list) != 1 || time.Since(begun) != 0 {
				t.Errorf("with the resolver gone %v after %v", list, time.Since(begun))
			}
		}
		time.Sleep(5 * time.Second)
		if list := s.known(t.Context()); len(list) != 1 || asked != 2 {
			t.Errorf("then %v, asked %d times", list, asked)
		}
	})
}
