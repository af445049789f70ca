package wire

import "time"

// Backup is a backup that was made.
type Backup struct {
	Schema   int       `json:"schema"`
	Folder   string    `json:"folder"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Linked   int64     `json:"linked"`
	Copied   int64     `json:"copied"`
	Removed  []string  `json:"removed"`
	SameDisk bool      `json:"same_disk"`
	Missing  []Problem `json:"missing"`
	Seconds  float64   `json:"seconds"`
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

// Exported is what export wrote.
type Exported struct {
	Schema    int      `json:"schema"`
	Folder    string   `json:"folder"`
	Videos    int      `json:"videos"`
	Followers int      `json:"followers"`
	Bytes     int64    `json:"bytes"`
	Missing   []string `json:"missing"`
	Seconds   float64  `json:"seconds"`
}

// GC is what gc removed, or would.
type GC struct {
	Schema  int      `json:"schema"`
	DryRun  bool     `json:"dry_run"`
	Bytes   int64    `json:"bytes"`
	Removed []Orphan `json:"removed"`
}

// Orphan is something that belongs to nothing.
type Orphan struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Bytes  int64  `json:"bytes"`
}

// Verified is what verify found.
type Verified struct {
	Schema   int       `json:"schema"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Problems []Problem `json:"problems"`
	Seconds  float64   `json:"seconds"`
}

// Repaired is what repair did.
type Repaired struct {
	Schema int      `json:"schema"`
	DryRun bool     `json:"dry_run"`
	Files  []Repair `json:"files"`
}

// Repair is what became of one file.
type Repair struct {
	Path   string `json:"path"`
	Reason string `json:"reason"` // what was wrong with it
	How    string `json:"how"`    // backup, made, queued, lost, kept
	Note   string `json:"note"`
}
