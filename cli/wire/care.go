package wire

import "time"

// Backup is a backup that was made.
type Backup struct {
	Schema   int      `json:"schema"`
	Folder   string   `json:"folder"`
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Linked   int64    `json:"linked"`
	Copied   int64    `json:"copied"`
	Removed  []string `json:"removed"`
	SameDisk bool     `json:"same_disk"`
	Seconds  float64  `json:"seconds"`
}

// Problem is something wrong with a file.
type Problem struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// BackupCheck is what came of checking a backup.
type BackupCheck struct {
	Schema   int        `json:"schema"`
	Folder   string     `json:"folder"`
	Made     *time.Time `json:"made"`
	Domain   string     `json:"domain"`
	Files    int        `json:"files"`
	Bytes    int64      `json:"bytes"`
	Read     int64      `json:"read"`
	Problems []Problem  `json:"problems"`
	Seconds  float64    `json:"seconds"`
}

// Restored is what was, or would be, restored.
type Restored struct {
	Schema   int        `json:"schema"`
	Data     string     `json:"data"`
	Folder   string     `json:"folder"`
	Made     *time.Time `json:"made"`
	Domain   string     `json:"domain"`
	Files    int        `json:"files"`
	Bytes    int64      `json:"bytes"`
	Linked   int64      `json:"linked"`
	Copied   int64      `json:"copied"`
	Aside    string     `json:"aside"`
	Upgraded bool       `json:"upgraded"`
	Resumed  bool       `json:"resumed"`
	DryRun   bool       `json:"dry_run"`
	Problems []Problem  `json:"problems"`
	Seconds  float64    `json:"seconds"`
}

// Moment returns t as it is printed: null for never.
func Moment(t time.Time) *time.Time { return moment(t) }
