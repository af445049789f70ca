package tracker_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/tubelet/tubelet/seed/tracker"
)

// TestNothingStays opens sockets that go without a word, as browsers do when a tab is closed.
// The library keeps what was not closed in its own way: 3 KiB each, which a soak found.
func TestNothingStays(t *testing.T) {
	r := start(t, nil)
	alive := func() uint64 {
		var mem runtime.MemStats
		runtime.GC()
		runtime.GC() // what had a finalizer goes with the second
		runtime.ReadMemStats(&mem)
		return mem.HeapAlloc
	}
	visit := func(sockets int) {
		for i := range sockets {
			conn, _, err := r.try(fmt.Sprintf("Test-Address: 198.51.100.%d", i%250))
			if err != nil {
				t.Fatal(err)
			}
			conn.CloseNow()
		}
		r.poll("no socket", func(s tracker.Stats) bool { return s.Sockets == 0 })
	}
	visit(50)
	before := alive()
	const sockets = 500
	visit(sockets)
	if grown := int64(alive()) - int64(before); grown > sockets<<10 {
		t.Errorf("%d sockets that are gone keep %d KiB", sockets, grown>>10)
	}
}
