package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/server/metrics"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// showFigures shows figures to who watches over this machine, where the creator wants it.
func (s *site) showFigures(ctx context.Context, cfg Config) error {
	addr, err := s.store.Setting(ctx, "metrics.listen")
	if err != nil || addr == "" {
		return err
	}
	err = metrics.Serve(ctx, metrics.Config{
		Listen: addr, Live: s.health.Live, Ready: s.health.Ready, Log: s.log,
		Figures: func(ctx context.Context) ([]metrics.Family, error) { return s.inside(ctx, cfg.Data, time.Now()) },
	})
	if err != nil && ctx.Err() == nil {
		// A port that is taken is no reason to take the site down.
		s.log.Error("no figures are shown", "metrics.listen", addr, "err", err)
	}
	return nil
}

// inside gathers the figures. docs/alerts.yml says at which of them somebody should be woken.
func (s *site) inside(ctx context.Context, data string, now time.Time) ([]metrics.Family, error) {
	list := metrics.Process()
	one := func(name, help string, value float64) { list = append(list, metrics.Alone(name, help, false, value)) }

	list = append(list, metrics.Alone("tubelet_requests_total", "Requests taken since the start.", true, float64(s.requests.Load())))
	sent, viewers := s.share.Counts()
	ways := map[string]float64{}
	for way, n := range sent {
		ways[way] = float64(n)
	}
	list = append(list, metrics.Family{Name: "tubelet_media_bytes_total", Counter: true, Label: "way", Values: ways,
		Help: "Bytes of videos since the start, by way: http, swarm, webrtc and tcp are our upload, peers is what viewers had from each other."})
	one("tubelet_viewers", "Viewers that share now.", float64(viewers))

	problems := map[string]float64{"data": 0, "database": 0, "disk": 0}
	for _, p := range s.health.Problems(ctx) {
		problems[p.Name] = 1
	}
	list = append(list, metrics.Family{Name: "tubelet_problem", Label: "name", Values: problems, Help: "1 for what makes /readyz say degraded."})
	if free, err := disk.Free(data); err == nil {
		one("tubelet_disk_free_bytes", "Room on the disk of the data directory.", float64(free))
	}
	for suffix, name := range map[string]string{"": "database", "-wal": "wal"} {
		if info, err := os.Stat(filepath.Join(data, "tubelet.db"+suffix)); err == nil {
			one("tubelet_"+name+"_bytes", "Size of the file.", float64(info.Size()))
		}
	}
	rows, err := s.rowFigures(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("gather figures: %w", err)
	}
	return append(list, append(rows, certificate(data)...)...), nil
}

// rowFigures are those that the database knows.
func (s *site) rowFigures(ctx context.Context, now time.Time) ([]metrics.Family, error) {
	jobs, err := s.store.Jobs(ctx, store.JobList{})
	if err != nil {
		return nil, err
	}
	states := map[string]float64{"queued": 0, "running": 0, "waiting": 0, "failed": 0}
	oldest := now
	for _, j := range jobs {
		if _, ok := states[string(j.State)]; ok {
			states[string(j.State)]++
		}
		if j.State == store.JobQueued && j.CreatedAt.Before(oldest) {
			oldest = j.CreatedAt
		}
	}
	queued, failing, err := s.store.Social().Queue(ctx)
	if err != nil {
		return nil, err
	}
	backup, err := s.store.Archive().Last(ctx)
	if err != nil {
		return nil, err
	}
	list := []metrics.Family{
		{Name: "tubelet_jobs", Label: "state", Values: states, Help: "Jobs that make videos playable."},
		metrics.Alone("tubelet_oldest_job_seconds", "How long the oldest job has waited to be begun.", false, now.Sub(oldest).Seconds()),
		{Name: "tubelet_deliveries", Label: "state", Values: map[string]float64{"queued": float64(queued), "failing": float64(failing)},
			Help: "Messages to other servers; failing are those that failed before."},
	}
	if !backup.At.IsZero() {
		list = append(list, metrics.Alone("tubelet_backup_timestamp_seconds", "When the last good backup was begun.", false, float64(backup.At.Unix())))
	}
	if !backup.FailedAt.IsZero() {
		list = append(list, metrics.Alone("tubelet_backup_failed_timestamp_seconds", "When a backup failed since.", false, float64(backup.FailedAt.Unix())))
	}
	return list, nil
}

// certificate is how the certificate is, where TLS is ours.
func certificate(data string) []metrics.Family {
	state, err := certs.Status(data)
	if err != nil || state.Mode == "" {
		return nil
	}
	list := []metrics.Family{metrics.Alone("tubelet_certificate_failures", "Attempts to get a certificate that failed, in a row.", false, float64(state.Failures))}
	if !state.NotAfter.IsZero() {
		list = append(list, metrics.Alone("tubelet_certificate_not_after_timestamp_seconds", "When the certificate ends.", false, float64(state.NotAfter.Unix())))
	}
	return list
}
