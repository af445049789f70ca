package wire

import (
	"time"

	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// Job is one piece of work.
type Job struct {
	Schema    int        `json:"schema"`
	ID        int64      `json:"id"`
	Kind      string     `json:"kind"`
	Video     string     `json:"video"`
	Revision  int        `json:"revision"`
	State     string     `json:"state"`
	Stage     string     `json:"stage"`
	Percent   float64    `json:"percent"`
	Speed     float64    `json:"speed"`
	ETA       float64    `json:"eta_s"`
	Reason    string     `json:"reason"`
	Attempts  int        `json:"attempts"`
	RunAt     *time.Time `json:"run_at"`
	CreatedAt *time.Time `json:"created_at"`
	UpdatedAt *time.Time `json:"updated_at"`
}

// NewJob returns j's shape.
func NewJob(j store.Job) Job {
	return Job{
		Schema: Schema, ID: j.ID, Kind: j.Kind, Video: j.Video, Revision: j.Rev, State: string(j.State),
		Stage: j.Stage, Percent: j.Percent, Speed: j.Speed, ETA: j.ETA.Seconds(), Reason: j.Reason,
		Attempts: j.Attempts, RunAt: moment(j.RunAt), CreatedAt: moment(j.CreatedAt), UpdatedAt: moment(j.UpdatedAt),
	}
}

// Progress is the event of long work that moves on.
type Progress struct {
	Event   string  `json:"event"` // "progress"
	Stage   string  `json:"stage"`
	Percent float64 `json:"pct"`
	Speed   float64 `json:"speed"`
	ETA     float64 `json:"eta_s"`
}

// Milestone is any other event: "stored", "watchable", "done".
type Milestone struct {
	Event string `json:"event"`
	ID    string `json:"id"`
	URL   string `json:"url"` // where to watch it: the preview address of what is hidden
	Video Video  `json:"video"`
}

// Trouble is the event of a job that waits or was given up: "waiting", "failed".
type Trouble struct {
	Event  string `json:"event"`
	Job    int64  `json:"job"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Event returns the shape of what happened.
func (s Site) Event(e work.Event) any {
	switch e.Kind {
	case work.EventProgress:
		return Progress{e.Kind, e.Stage, e.Percent, e.Speed, e.ETA.Seconds()}
	case work.EventWaiting, work.EventFailed:
		return Trouble{e.Kind, e.Job.ID, e.Job.Kind, e.Reason}
	}
	return s.Milestone(e.Kind, e.Video)
}

// Milestone returns the shape of a milestone of v.
func (s Site) Milestone(kind string, v store.Video) Milestone {
	return Milestone{kind, v.ID, s.Address(v), s.Video(v)}
}

// Address returns where the creator can watch v now.
func (s Site) Address(v store.Video) string {
	if preview := s.PreviewURL(v); preview != "" {
		return preview
	}
	return s.Channel.WatchURL(v)
}
