package doctor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/store/social"
)

const otherKey = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA
-----END PUBLIC KEY-----
`

func (f *fixture) state(s certs.State) {
	f.t.Helper()
	text, err := json.Marshal(s)
	f.ok(err)
	f.ok(os.MkdirAll(filepath.Join(f.cfg.Data, "tls"), 0o700))
	f.ok(os.WriteFile(filepath.Join(f.cfg.Data, "tls", "state.json"), text, 0o600))
}

// sends puts something on its way.
func (f *fixture) sends() {
	f.t.Helper()
	f.ok(f.cfg.Store.Social().Send(f.t.Context(), social.Outgoing{
		URI: "https://example.com/a", By: social.Person, Inboxes: []social.Recipient{{Inbox: "https://dead.example/inbox", Host: "dead.example"}},
	}, time.Now()))
}

// parked has a host not answer for a week.
func (f *fixture) parked() {
	f.t.Helper()
	f.sends()
	due, err := f.cfg.Store.Social().Due(f.t.Context(), "dead.example", time.Now().Add(time.Minute))
	f.ok(err)
	now := time.Now()
	hold := social.Outcome{Delivery: due, Again: now, Hold: true, Reason: "silent"}
	f.ok(f.cfg.Store.Social().Record(f.t.Context(), []social.Outcome{hold, hold}, now.Add(8*24*time.Hour), now.Add(9*24*time.Hour)))
}

// FuzzReadReply has strangers' bytes read as DNS.
func FuzzReadReply(f *testing.F) {
	f.Add([]byte{0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 60, 0, 3, 0, 5, 'i'})
	f.Fuzz(func(_ *testing.T, text []byte) {
		if r, _, err := readReply(text, 1); err == nil {
			r.addresses()
			r.issuers()
		}
		_, _, _ = readCAA(text)
	})
}
