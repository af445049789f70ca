package setup

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/tubelet/tubelet/store"
)

func TestStageUnit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tubelet.service")
	stage := func(text string) *Staged {
		t.Helper()
		s, err := StageUnit(path, text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := stage("one\n")
	if _, err := os.Stat(path); err == nil {
		t.Error("it is there before it was kept")
	}
	s.Drop()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("dropped, it left %v", left)
	}
	s = stage("one\n")
	if err := s.Keep(); err != nil {
		t.Fatal(err)
	}
	s.Drop()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info, err)
	}
	if err := stage("one\n").Keep(); err != nil {
		t.Error("the same again:", err)
	}
	if _, err := StageUnit(path, "two\n"); !errors.Is(err, store.ErrExists) {
		t.Errorf("another: %v", err)
	}
	if _, err := StageUnit(filepath.Join(dir, "no", "folder"), "x"); err == nil {
		t.Error("a folder that is not there was taken")
	}
	if err := (&Staged{}).Keep(); err != nil {
		t.Error(err)
	}
}

func TestJudge(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, tt := range []struct {
		want       string
		found, own []netip.Addr
		err        error
	}{
		{Nowhere, nil, nil, &net.DNSError{IsNotFound: true}},
		{Unknown, nil, nil, &net.DNSError{IsTimeout: true}},
		{Here, []netip.Addr{b, a}, []netip.Addr{a}, nil},
		{Elsewhere, []netip.Addr{b}, []netip.Addr{a}, nil},
		{Somewhere, []netip.Addr{b}, nil, nil},
	} {
		if got := judge(tt.found, tt.err, tt.own); got != tt.want {
			t.Errorf("%v, %v with %v: %s, want %s", tt.found, tt.err, tt.own, got, tt.want)
		}
	}
}
