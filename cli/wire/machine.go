package wire

import "github.com/tubelet/tubelet/server/doctor"

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
