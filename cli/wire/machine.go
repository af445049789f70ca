package wire

import (
	"time"

	"github.com/tubelet/tubelet/server/doctor"
	"github.com/tubelet/tubelet/server/notify"
)

// Doctor is how the channel and its machine are.
type Doctor struct {
	Schema   int       `json:"schema"`
	OK       bool      `json:"ok"` // nothing failed
	Failed   int       `json:"failed"`
	Warnings int       `json:"warnings"`
	Checks   []Checked `json:"checks"`
}

// Checked is one thing that was looked at.
type Checked struct {
	ID     string `json:"id"` // D01: permanent
	Title  string `json:"title"`
	Level  string `json:"level"` // ok, warn, fail, not asked
	Cause  string `json:"cause"`
	Remedy string `json:"remedy"`
	Doc    string `json:"doc"`
	MS     int64  `json:"ms"`
}

// NewDoctor returns the shape of what a doctor found.
func NewDoctor(list []doctor.Result) Doctor {
	failed := doctor.Count(list, doctor.Fail)
	d := Doctor{Schema: Schema, OK: failed == 0, Failed: failed, Warnings: doctor.Count(list, doctor.Warn), Checks: []Checked{}}
	for _, r := range list {
		d.Checks = append(d.Checks, Checked{
			r.ID, r.Title, string(r.Level), r.Cause, r.Remedy, "docs/troubleshooting.md#" + r.Anchor(), r.Took.Milliseconds(),
		})
	}
	return d
}

// Install is what install or uninstall does.
type Install struct {
	Schema int     `json:"schema"`
	DryRun bool    `json:"dry_run"` // nothing was done
	Steps  []Doing `json:"steps"`
}

// Doing is one step of it.
type Doing struct {
	What    string `json:"what"`
	Command string `json:"command"`
	Done    bool   `json:"done"` // it was done already, before
}

// Way is a way by which the creator is told what happens.
type Way struct {
	Way      string     `json:"way"` // url or smtp
	Since    *time.Time `json:"since"`
	Digest   *time.Time `json:"digest"` // when the last one went
	Error    string     `json:"error"`  // of the last try, empty when it went well
	FailedAt *time.Time `json:"failed_at"`
}

// NewWay returns w's shape.
func NewWay(w notify.Way) Way {
	return Way{w.Name, moment(w.Since), moment(w.Digest), w.Error, moment(w.FailedAt)}
}

// Tried says how a test message went.
type Tried struct {
	Way   string `json:"way"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}
