package setup

import (
	"fmt"
	"net"
	"syscall"
	"testing"
)

func TestTaken(t *testing.T) {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	here, free := proxy.Addr().String(), nobody.Addr().String()
	nobody.Close()
	for _, tt := range []struct {
		name  string
		err   error
		addrs []string
		want  bool
	}{
		{"free", nil, []string{here}, false},
		{"in use", fmt.Errorf("listen: %w", syscall.EADDRINUSE), nil, true},
		{"not allowed, nobody there", fmt.Errorf("listen: %w", syscall.EACCES), []string{free}, false},
		{"not allowed, a proxy there", fmt.Errorf("listen: %w", syscall.EACCES), []string{free, here}, true},
	} {
		if got := taken(t.Context(), tt.err, tt.addrs...); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
