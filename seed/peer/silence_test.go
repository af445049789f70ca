package peer_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/tubelet/tubelet/seed/peer"
)

// onRead is an input that does something when it is read, and then ends.
type onRead func()

func (f onRead) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// TestChildIsSilent: what a library has to say does not reach the parent, which would keep it
// instead of the reason of a crash.
func TestChildIsSilent(t *testing.T) {
	dir := t.TempDir()
	complain := func() { // WebRTC wants a UDP socket, and says so
		conn, err := net.ListenPacket("unixgram", filepath.Join(dir, "socket"))
		if err != nil {
			t.Error(err)
			return
		}
		_ = webrtc.NewICEUDPMux(nil, conn).Close()
		conn.Close()
		os.Remove(filepath.Join(dir, "socket"))
	}
	said := func(do func()) string {
		file, err := os.Create(filepath.Join(dir, "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		defer func(before *os.File) { os.Stderr = before }(os.Stderr)
		os.Stderr = file
		do()
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if said(complain) == "" {
		t.Error("it does not complain at all")
	}
	text := said(func() {
		if err := peer.Child(t.Context(), onRead(complain), new(bytes.Buffer), nil); err != nil {
			t.Error(err)
		}
	})
	if text != "" {
		t.Errorf("it said %q", text)
	}
}
