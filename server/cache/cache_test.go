package cache_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tubelet/tubelet/server/cache"
)

// source makes answers from data that has a version.
type source struct {
	version atomic.Int64
	built   atomic.Int64
	body    func() string
}

func (s *source) build(context.Context) (cache.Answer, error) {
	s.built.Add(1)
	return cache.Answer{Type: "text/html; charset=utf-8", Body: []byte(s.body())}, nil
}

func (s *source) cache(bytes int) *cache.Cache {
	return cache.New(cache.Config{Bytes: bytes, Version: func(context.Context) (int64, error) { return s.version.Load(), nil }})
}

func TestGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := "one"
		s := &source{body: func() string { return text }}
		c := s.cache(1 << 20)
		want := func(body string, built int64) {
			t.Helper()
			m, err := c.Get(t.Context(), "/", s.build)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			m.Serve(w, httptest.NewRequest("GET", "/", nil))
			if w.Body.String() != body || s.built.Load() != built {
				t.Errorf("%q after %d builds, want %q after %d", w.Body, s.built.Load(), body, built)
			}
		}
		want("one", 1)
		want("one", 1)
		text = "two"
		want("one", 1) // nothing was committed
		s.version.Add(1)
		time.Sleep(6 * time.Millisecond)
		want("two", 2)
		want("two", 2)
	})
}

func TestGetTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{body: func() string { time.Sleep(time.Second); return "slow" }}
		c := s.cache(1 << 20)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := c.Get(t.Context(), "/", s.build); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := s.built.Load(); n != 1 {
			t.Errorf("built %d times for 50 requests at once", n)
		}
	})
}

func TestGetWhenTheFirstGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := (&source{}).cache(1 << 20)
		build := func(ctx context.Context) (cache.Answer, error) {
			time.Sleep(time.Second)
			return cache.Answer{Body: []byte("x")}, ctx.Err()
		}
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { c.Get(first, "/", build) })
		synctest.Wait()
		leave()
		if _, err := c.Get(t.Context(), "/", build); err != nil {
			t.Errorf("the second request failed with the first: %v", err)
		}
		wg.Wait()
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	c := (&source{}).cache(1 << 20)
	broken := errors.New("broken")
	if _, err := c.Get(t.Context(), "/", func(context.Context) (cache.Answer, error) { return cache.Answer{}, broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	ok := func(context.Context) (cache.Answer, error) { return cache.Answer{Body: []byte("fine")}, nil }
	if _, err := c.Get(t.Context(), "/", ok); err != nil {
		t.Error(err)
	}
}

func TestPanicsDoNotBlockOthers(t *testing.T) {
	c := (&source{}).cache(1 << 20)
	func() {
		defer func() { recover() }()
		c.Get(t.Context(), "/", func(context.Context) (cache.Answer, error) { panic("bug") })
	}()
	ok := func(context.Context) (cache.Answer, error) { return cache.Answer{Body: []byte("fine")}, nil }
	if _, err := c.Get(t.Context(), "/", ok); err != nil {
		t.Error(err)
	}
}

func TestBounded(t *testing.T) {
	s := &source{}
	c := s.cache(100_000)
	get := func(i, size int) {
		t.Helper()
		_, err := c.Get(t.Context(), fmt.Sprintf("/%04d", i), func(context.Context) (cache.Answer, error) {
			s.built.Add(1)
			return cache.Answer{Body: []byte(strings.Repeat("x", size))}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		get(i, 590)
	}
	s.built.Store(0)
	get(999, 590)
	if s.built.Load() != 0 {
		t.Error("the most recent answer was not kept")
	}
	get(0, 590)
	if s.built.Load() != 1 {
		t.Error("the oldest answer was kept beyond the bound")
	}
	get(5000, 200_000)
	get(999, 590)
	if s.built.Load() != 2 {
		t.Error("one answer too large to keep pushed out the others")
	}
}

func TestServe(t *testing.T) {
	page := strings.Repeat("<p>the same words</p>", 100)
	big := cache.Make(cache.Answer{Type: "text/html; charset=utf-8", Body: []byte(page)})
	tag := func(accept string) string {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accept)
		big.Serve(w, r)
		return w.Header().Get("ETag")
	}
	for _, c := range []struct {
		name, method, accept, match string
		status                      int
		packed                      bool
	}{
		{"plain", "GET", "", "", 200, false},
		{"gzip", "GET", "gzip, deflate, br", "", 200, true},
		{"gzip refused", "GET", "gzip;q=0, br", "", 200, false},
		{"gzip weighted", "GET", "br;q=1, gzip; q=0.8", "", 200, true},
		{"another word", "GET", "x-gzipped", "", 200, false},
		{"known", "GET", "gzip", tag("gzip"), 304, false},
		{"known weakly, among others", "GET", "gzip", `"x", W/` + tag("gzip"), 304, false},
		{"known in the other form", "GET", "gzip", tag(""), 200, true},
		{"star", "GET", "", "*", 304, false},
		{"head", "HEAD", "gzip", "", 200, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/", nil)
			r.Header.Set("Accept-Encoding", c.accept)
			r.Header.Set("If-None-Match", c.match)
			w := httptest.NewRecorder()
			big.Serve(w, r)
			if w.Code != c.status || (w.Header().Get("Content-Encoding") == "gzip") != c.packed {
				t.Fatalf("%d, %v", w.Code, w.Header())
			}
			if w.Header().Get("Vary") != "Accept-Encoding" {
				t.Error("no Vary: a proxy would mix the two forms up")
			}
			if c.status == 304 || c.method == "HEAD" {
				if w.Body.Len() > 0 {
					t.Errorf("%d bytes of body", w.Body.Len())
				}
				return
			}
			if got := text(t, w); got != page {
				t.Errorf("%d bytes, want %d", len(got), len(page))
			}
		})
	}
}

func text(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.String()
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
