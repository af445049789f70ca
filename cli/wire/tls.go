package wire

import (
	"time"

	"github.com/tubelet/tubelet/server/certs"
)

// TLS is where the certificate comes from, and how it is.
type TLS struct {
	Schema     int        `json:"schema"`
	Mode       string     `json:"mode"` // auto, files, off
	Listen     string     `json:"listen"`
	Host       string     `json:"host"`
	Issuer     string     `json:"issuer"`
	NotBefore  *time.Time `json:"not_before"`
	NotAfter   *time.Time `json:"not_after"`
	Days       int        `json:"days"` // until then
	Failures   int        `json:"failures"`
	Error      string     `json:"error"`
	LastTry    *time.Time `json:"last_try"`
	Next       *time.Time `json:"next"`
	OrdersLeft int        `json:"orders_left"`
}

// NewTLS returns the shape of what the server left and the settings say.
func NewTLS(host, mode, listen string, s certs.State, now time.Time) TLS {
	out := TLS{Schema: Schema, Mode: mode, Listen: listen, Host: host, OrdersLeft: s.OrdersLeft(now)}
	if s.Mode != mode || s.Host != host {
		return out // of another time
	}
	out.Issuer, out.NotBefore, out.NotAfter = s.Issuer, moment(s.NotBefore), moment(s.NotAfter)
	if out.NotAfter != nil {
		out.Days = int(s.NotAfter.Sub(now) / (24 * time.Hour))
	}
	out.Failures, out.Error, out.LastTry = s.Failures, s.LastError, moment(s.LastTry)
	if s.Next.After(now) {
		out.Next = moment(s.Next)
	}
	return out
}

// Health is how the running server is.
type Health struct {
	Schema   int      `json:"schema"`
	State    string   `json:"state"` // ok, degraded, down
	Problems []string `json:"problems"`
}
