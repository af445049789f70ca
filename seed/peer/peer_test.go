package peer_test

import (
	"bytes"
	"net"
	"testing"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
)

func TestDownload(t *testing.T) {
	for _, way := range []struct {
		name string
		dial func(*site, metainfo.Hash) net.Conn
	}{
		{"webrtc", func(s *site, h metainfo.Hash) net.Conn { return s.dialWebRTC(h) }},
		{"tcp", func(s *site, _ metainfo.Hash) net.Conn { return s.dialTCP() }},
		{"utp", func(s *site, _ metainfo.Hash) net.Conn { return s.dialUTP() }},
	} {
		t.Run(way.name, func(t *testing.T) {
			s := newSite(t, withTCP)
			torrent, data := s.publish(5<<20 + 12345)
			got, err := newLeech(way.dial(s, torrent.InfoHash)).download(torrent)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data) {
				t.Error("the file is another")
			}
			s.mu.Lock()
			spent := s.spent[way.name]
			s.mu.Unlock()
			if spent < int64(len(data)) || spent > int64(len(data))+1<<20 {
				t.Errorf("%d bytes were spent for a file of %d", spent, len(data))
			}
			s.eventually("figures", func() bool { return s.seed.Stats().Sent[way.name] >= int64(len(data)) })
			if st := s.seed.Stats(); st.State != peer.Running || st.Torrents != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}
