package store

import (
	"context"
	"errors"
	"time"
)

var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrNewer    = errors.New("the database was written by a newer tubelet")
	ErrInvalid  = errors.New("not valid")
)

type DuplicateError struct{ ID string }

func (e *DuplicateError) Error() string        { return "the same file is published already as " + e.ID }
func (e *DuplicateError) Is(target error) bool { return target == ErrExists }

type Store struct{}

// Audience says whose list it is. The zero value is the safe one.
type Audience int

const (
	Listed   Audience = iota // public and published: what pages, feeds and search may name
	Everyone                 // every video there is, drafts too: the creator's own list
)

type List struct {
	Audience Audience
	Tag      string
	Query    string
	Sort     string // "" newest published (best match with Query), "created" newest made
	Offset   int
	Limit    int // 0: no limit
}

type NewVideo struct {
	Video
	Jobs []Job
}
type TagCount struct {
	Tag   string
	Count int
}
type Setting struct{ Key, Value, Default, Doc string }
type MediaRef struct {
	Video string
	Rev   int
}
type JobList struct {
	Video string
	Open  bool // only queued, running and waiting
}

// Visible reports whether a stranger with the address may watch v.
func (v Video) Visible() bool {
	return v.Visibility != Draft && !v.PublishedAt.IsZero() && v.Media.Rev > 0
}

// Listed reports whether lists, feeds and search may name v.
func (v Video) Listed() bool { return v.Visible() && v.Visibility == Public }

func NewID() string                                                           { return "aaaaaaaaaa" }
func Open(ctx context.Context, path string) (*Store, error)                   { return nil, nil }
func (s *Store) Close() error                                                 { return nil }
func (s *Store) Maintain(ctx context.Context) error                           { return nil } // optimize + passive checkpoint
func (s *Store) DataVersion(ctx context.Context) (int64, error)               { return 0, nil }
func (s *Store) Channel(ctx context.Context) (Channel, error)                 { return Channel{}, nil }
func (s *Store) CreateChannel(ctx context.Context, c Channel) error           { return nil }
func (s *Store) UpdateChannel(ctx context.Context, c Channel) error           { return nil }
func (s *Store) Setting(ctx context.Context, key string) (string, error)      { return "", nil }
func (s *Store) SetSetting(ctx context.Context, key, value string) error      { return nil }
func (s *Store) Settings(ctx context.Context) ([]Setting, error)              { return nil, nil }
func (s *Store) CreateVideo(ctx context.Context, v NewVideo) error            { return nil }
func (s *Store) Video(ctx context.Context, id string) (Video, error)          { return Video{}, nil }
func (s *Store) Videos(ctx context.Context, l List) ([]Video, int, error)     { return nil, 0, nil }
func (s *Store) Related(ctx context.Context, v Video, n int) ([]Video, error) { return nil, nil }
func (s *Store) Tags(ctx context.Context) ([]TagCount, error)                 { return nil, nil }
func (s *Store) UpdateVideo(ctx context.Context, v Video) error               { return nil }
func (s *Store) DeleteVideo(ctx context.Context, id string) error             { return nil }
func (s *Store) AddCaption(ctx context.Context, id string, c Caption) (old string, err error) {
	return "", nil
}
func (s *Store) RemoveCaption(ctx context.Context, id, lang string) (file string, err error) {
	return "", nil
}
func (s *Store) HasSourceBytes(ctx context.Context, n int64) (bool, error)            { return false, nil }
func (s *Store) VideoBySHA256(ctx context.Context, sum string) (id string, err error) { return "", nil }
func (s *Store) SetSourceSHA256(ctx context.Context, id string, rev int, sum string) error {
	return nil
}
func (s *Store) NextRev(ctx context.Context, id string) (int, error)                   { return 0, nil }
func (s *Store) CreateMedia(ctx context.Context, id string, m Media, jobs []Job) error { return nil }
func (s *Store) MediaRev(ctx context.Context, id string, rev int) (Media, error)       { return Media{}, nil }
func (s *Store) ObsoleteMedia(ctx context.Context) ([]MediaRef, error)                 { return nil, nil }
func (s *Store) ForgetMedia(ctx context.Context, ref MediaRef) error                   { return nil } // after its files are gone
func (s *Store) AddRenditions(ctx context.Context, id string, rev int, rs []Rendition, done bool, jobs []Job) error {
	return nil
}
func (s *Store) SetPoster(ctx context.Context, id string, rev int, file string, w, h int) error {
	return nil
}
func (s *Store) SetStoryboard(ctx context.Context, id string, rev int, b Storyboard) error {
	return nil
}
func (s *Store) SetMediaFailed(ctx context.Context, id string, rev int, reason string) error {
	return nil
}
func (s *Store) ForgetSource(ctx context.Context, id string, rev int) error      { return nil }
func (s *Store) PublishDue(ctx context.Context, now time.Time) ([]string, error) { return nil, nil }
func (s *Store) NextPublish(ctx context.Context) (time.Time, error)              { return time.Time{}, nil }
func (s *Store) Enqueue(ctx context.Context, j Job) (int64, error)               { return 0, nil }
func (s *Store) ClaimJob(ctx context.Context, now time.Time) (Job, error)        { return Job{}, nil }
func (s *Store) SaveProgress(ctx context.Context, j Job) error                   { return nil } // ErrNotFound: cancelled or gone, stop
func (s *Store) FinishJob(ctx context.Context, id int64, next []Job) error       { return nil }
func (s *Store) FailJob(ctx context.Context, id int64, reason string) error      { return nil }
func (s *Store) DeferJob(ctx context.Context, id int64, at time.Time, state JobState, reason string) error {
	return nil
}
func (s *Store) Job(ctx context.Context, id int64) (Job, error)             { return Job{}, nil }
func (s *Store) Jobs(ctx context.Context, l JobList) ([]Job, error)         { return nil, nil }
func (s *Store) RetryJob(ctx context.Context, id int64) error               { return nil }
func (s *Store) CancelJob(ctx context.Context, id int64) error              { return nil }
func (s *Store) RequeueRunning(ctx context.Context) error                   { return nil }
func (s *Store) NextRun(ctx context.Context) (time.Time, error)             { return time.Time{}, nil } // zero when nothing is queued or waiting
func (s *Store) AddViews(ctx context.Context, views map[string]int64) error { return nil }
func (s *Store) Comments(ctx context.Context, video string, offset, limit int) ([]Comment, int, error) {
	return nil, 0, nil
}
func (s *Store) AddComment(ctx context.Context, c Comment) (int64, error) { return 0, nil }
func (s *Store) Files(ctx context.Context) ([]string, error)              { return nil, nil }
