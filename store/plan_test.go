package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store/archive"
	"github.com/tubelet/tubelet/store/lite"
)

// recorder is a connection that notes the text of what it runs.
type recorder struct {
	driver.Conn
	note func(string)
}

func (r recorder) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	r.note(query)
	return r.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (r recorder) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return r.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

// connector makes recorders for one data source of the driver of db.
type connector struct {
	db   *sql.DB
	dsn  string
	note func(string)
}

func (c connector) Driver() driver.Driver { return c.db.Driver() }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.db.Driver().Open(c.dsn)
	return recorder{conn, c.note}, err
}

// recorded returns a store and a function that returns every statement it has run.
func recorded(t *testing.T) (*Store, func() []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tubelet.db")
	if err := prepare(t.Context(), path, schema, upgrades()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	note := func(query string) {
		mu.Lock()
		defer mu.Unlock()
		seen[query] = true
	}
	plain, err := lite.Connect(path, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	pool := func(options string) *sql.DB {
		db := sql.OpenDB(connector{plain, "file:" + path + options, note})
		db.SetMaxOpenConns(1)
		return db
	}
	s := &Store{lite.New(pool("?_txlock=immediate&_pragma=foreign_keys(on)&_busy_timeout=10000"), pool("?_busy_timeout=10000"), plain)}
	t.Cleanup(func() { s.Close() })
	return s, func() []string {
		mu.Lock()
		defer mu.Unlock()
		var list []string
		for q := range seen {
			list = append(list, q)
		}
		slices.Sort(list)
		return list
	}
}

// exercise calls every method that runs SQL.
func exercise(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	ok := func(what string, errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	err2 := func(_ any, err error) error { return err }
	err3 := func(_, _ any, err error) error { return err }
	r := Rendition{Height: 360, File: "360p.mp4", Playlist: "360p.m3u8"}
	v := NewVideo{
		Video: Video{ID: NewID(), Visibility: Public, Tags: []string{"a"}, Captions: []Caption{{Language: "en"}}, Chapters: []Chapter{{Title: "x"}}},
		Jobs:  []Job{{Kind: "a"}, {Kind: "b"}, {Kind: "c"}},
	}
	v.Media.Renditions = []Rendition{r}
	ok("channel", s.CreateChannel(ctx, Channel{}), s.UpdateChannel(ctx, Channel{}), err2(s.Channel(ctx)))
	ok("settings", s.SetSetting(ctx, "threads", "2"), err2(s.Setting(ctx, "threads")), err2(s.Settings(ctx)), s.SetSetting(ctx, "threads", "0"))
	ok("video", s.CreateVideo(ctx, v), err2(s.Video(ctx, v.ID)), s.UpdateVideo(ctx, v.Video), s.AddViews(ctx, map[string]int64{v.ID: 1}))
	ok("pins", s.Pin(ctx, v.ID, time.Now()), err2(s.Pinned(ctx)), s.Unpin(ctx, v.ID))
	ok("schedule", err2(s.NextPublish(ctx)))
	v.PublishAt = time.Now().Add(time.Hour)
	ok("schedule", s.UpdateVideo(ctx, v.Video), err2(s.PublishDue(ctx, v.PublishAt)))
	for _, audience := range []Audience{Listed, Everyone} {
		for _, query := range []string{"", "word", "word++", "🎬"} {
			for _, tag := range []string{"", "a"} {
				for _, sort := range []string{"", "created"} {
					ok("list", err3(s.Videos(ctx, List{Audience: audience, Tag: tag, Query: query, Sort: sort, Limit: 3})))
				}
			}
		}
	}
	ok("related", err2(s.Related(ctx, v.Video, 5)), err2(s.Tags(ctx)))
	ok("captions", err2(s.AddCaption(ctx, v.ID, Caption{Language: "de"})), err2(s.EditVideo(ctx, VideoEdit{Video: v.Video, Remove: []string{"de"}})))
	ok("media", err2(s.HasSourceBytes(ctx, 1)), s.CheckDuplicate(ctx, "", "aa"),
		err2(s.NextRev(ctx, v.ID)), s.CreateMedia(ctx, v.ID, Media{Rev: 2}, nil), s.AddRenditions(ctx, v.ID, 2, []Rendition{r}, true, nil),
		err2(s.MediaRev(ctx, v.ID, 2)), err2(s.ObsoleteMedia(ctx)), s.ForgetMedia(ctx, MediaRef{v.ID, 1}),
		s.SetPoster(ctx, v.ID, 2, Poster{File: "p"}), s.SetStoryboard(ctx, v.ID, 2, Storyboard{}),
		s.DropRenditions(ctx, MediaRef{v.ID, 2}, []Rendition{{Height: 1}}, []Job{{Kind: "a", Video: v.ID, Rev: 2}}), s.ForgetSource(ctx, v.ID, 2), err2(s.Files(ctx)))
	later := time.Now().Add(time.Minute)
	for _, end := range []func(Job) error{
		func(j Job) error { return s.FailJob(ctx, j.ID, "x", true) },
		func(j Job) error { return s.FinishJob(ctx, j.ID, nil) },
		func(j Job) error { return s.DeferJob(ctx, j.ID, later, JobWaiting, "x") },
	} {
		j, err := s.ClaimJob(ctx, later)
		ok("job", err, s.SaveProgress(ctx, j), end(j), err2(s.Job(ctx, j.ID)))
		if j, _ = s.Job(ctx, j.ID); j.State == JobFailed {
			ok("retry", s.RetryJob(ctx, j.ID, true), s.CancelJob(ctx, j.ID, true))
		}
	}
	for _, l := range []JobList{{}, {Open: true}, {Video: v.ID}, {Video: v.ID, Open: true}} {
		ok("jobs", err2(s.Jobs(ctx, l)))
	}
	ok("jobs", err2(s.NextRun(ctx)), s.RequeueRunning(ctx), s.Maintain(ctx, time.Now()))
	id, err := s.AddComment(ctx, Comment{Video: v.ID})
	ok("comments", err, err2(s.AddComment(ctx, Comment{Video: v.ID, Parent: id})), err3(s.Comments(ctx, v.ID, 0, 10)))
	exerciseSocial(t, s, v.ID)
	exerciseSharing(t, s, v.ID)
	ok("backups", s.Archive().Made(ctx, archive.Last{}), s.Archive().Failed(ctx, time.Now(), "x"), err2(s.Archive().Last(ctx)), err2(s.Archive().Files(ctx)), s.Archive().Restored(ctx))
	ok("delete", s.DeleteVideo(ctx, v.ID))
}

// mayScan is the list of statements that go through a whole table or index, each with the
// reason why that is right. All others find their rows by an index.
func mayScan() map[string]string {
	return map[string]string{
		"select key, value from settings":                                           "wanted whole, and tiny",
		"select v.number from videos v where true order by v.published_at":          "the creator's list of all",
		"select " + jobColumns + " from jobs where true order by":                   "the creator's list of all",
		"select video, rev, file from":                                              "the sweep wants every file",
		"select f.video, f.rev, f.file, f.what":                                     "a backup wants every file",
		"select m.video, m.rev from media m":                                        "the sweep asks now and then",
		"select min(t.name), count(*)":                                              "all tags are counted; the result is cached with the page",
		"update jobs set state = 'running', reason = '',":                           "all of a partial index: what is open",
		"update jobs set state = 'queued', run_at":                                  "once at the start of a worker",
		"update videos set latest = latest + ?":                                     "all of them, once, when a backup is restored",
		"insert into sqlite_sequence":                                               "two rows, once, when a backup is restored",
		"update sqlite_sequence set":                                                "two rows, once, when a backup is restored",
		"delete from jobs where state = 'done'":                                     "once a day",
		"select " + jobColumns + " from jobs where state = 'failed'":                "once a minute, and done jobs are forgotten",
		"select coalesce(max(height), 0)":                                           "asked by the doctor",
		"select (select count(*) from outgoing where substr":                        "asked by the doctor",
		"select v.id, v.rev from videos v where exists":                             "once at the start of a worker",
		"select id, name, url, refused, seen_at from mirrors":                       "the creator's list of all, and short",
		"delete from mirrors where refused = 0":                                     "a list of at most two hundred, when a new mirror comes",
		"select video, at, changes from news":                                       "wanted whole, and empty but for moments",
		"select count(*) from told where pinned":                                    "all of a partial index",
		"select count(*) from (select 1 from pins":                                  "at most a few rows",
		"select " + videoColumns + " from pins":                                     "wanted whole, and at most a few rows",
		"with recursive lanes":                                                      "the lanes it has just found, each by the index",
		"with recursive known (host)":                                               "the hosts it has just found, each by the index",
		"select a.id from actors a where a.fetched_at":                              "the sweep asks once a day",
		"select avatar from actors":                                                 "the sweep wants every file, once a day",
		"delete from hosts where parked":                                            "on the creator's word",
		"update hosts set failing_at = ?1 where failing_at > ?2":                    "once an hour, and short",
		"update inbox set run_at = ?1 where state = 'queued' and":                   "once an hour, all of a partial index",
		"select host, failing_at":                                                   "wanted whole, for the creator",
		"select target, mute, note, at from blocks order by":                        "wanted whole, for the creator",
		"select count(*), count(*) filter (where attempts > 0)":                     "counted for the creator",
		"select id, actor, object, text, at from reports order by":                  "in the order of its key, and a few rows",
		"select " + socialComments + " where c.html <> '' order by c.id desc limit": "in the order of its key, and a page of rows",
		"select " + socialComments + " where c.actor is not null":                   "once an hour",
		"select " + socialComments + " where c.state = 'held'":                      "all of a partial index",
		"select a.id, a.uri, a.kind, a.acct, a.host, a.domain, a.name, a.url, a.inbox, a.shared_inbox, a.key_id, a.key_pem,\n\ta.avatar_url, a.avatar, a.fetched_at, f.target, f.follow, f.asked_at, f.accepted_at from (select actor from followers":                                                       "the page it has just found by the index",
		"select a.id, a.uri, a.kind, a.acct, a.host, a.domain, a.name, a.url, a.inbox, a.shared_inbox, a.key_id, a.key_pem,\n\ta.avatar_url, a.avatar, a.fetched_at, f.target, f.follow, f.asked_at, f.accepted_at from followers f cross join actors a on a.id = f.actor\n\t\twhere f.accepted_at is null": "all of a partial index",
	}
}

func TestStatementsUseIndexes(t *testing.T) {
	s, statements := recorded(t)
	exercise(t, s)
	list := statements()
	if len(list) < 60 {
		t.Fatalf("only %d statements were seen", len(list))
	}
	unused := mayScan()
	var plans strings.Builder
	for _, query := range list {
		var reason string
		for prefix := range mayScan() {
			if strings.HasPrefix(query, prefix) {
				reason = prefix
			}
		}
		plan, scans := explain(t, s, query)
		plans.WriteString(plan)
		if scans && reason == "" {
			t.Errorf("a full scan in\n%s\n%s", query, plan)
		}
		if scans {
			delete(unused, reason)
		}
	}
	for prefix := range unused {
		t.Errorf("nothing scans in %q: take it off the list", prefix)
	}
	var indexes []string
	err := s.db.Read(t.Context(), func(q lite.Querier) (err error) {
		indexes, err = lite.All(t.Context(), q, lite.Value[string], "select name from sqlite_schema where type = 'index' and sql is not null")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range indexes {
		if slices.Contains(cascades(), name) {
			continue
		}
		if !strings.Contains(plans.String(), "INDEX "+name) {
			t.Errorf("no statement uses the index %s", name)
		}
	}
}

// socialComments is how the fediverse's comments are read.
const socialComments = `c.id, c.video, coalesce(c.parent, 0), coalesce(c.actor, 0), coalesce(a.uri, ''), c.uri, c.url, c.author_name,
	c.author_acct, c.author_url, c.avatar, c.html, c.state, c.published_at, c.edited_at from comments c left join actors a on a.id = c.actor`

// cascades lists the indexes by which SQLite itself finds the rows that go with a row.
func cascades() []string {
	return []string{"reactions_actor", "reactions_comment", "deeds_comment", "quotes_video", "quotes_comment"}
}

// fullScan is a plan line that visits every row of a table or index. Some indexes hold just
// what is asked for (ownIndex); json_each and FTS5 are tables only in name.
var (
	fullScan = regexp.MustCompile(`^SCAN (\w+)`)
	ownIndex = regexp.MustCompile(`INDEX (videos_listed|videos_created|jobs_open)$`)
)

func explain(t *testing.T, s *Store, query string) (plan string, scans bool) {
	t.Helper()
	if strings.HasPrefix(query, "pragma") {
		return "", false
	}
	err := s.db.Read(t.Context(), func(q lite.Querier) error {
		_, err := lite.All(t.Context(), q, func(row lite.Scanner, _ *struct{}) error {
			var id, parent, unused int
			var line string
			err := row.Scan(&id, &parent, &unused, &line)
			plan += "  " + line + "\n"
			m := fullScan.FindStringSubmatch(line)
			small := m != nil && slices.Contains([]string{"CONSTANT", "top", "thread", "r"}, m[1])
			scans = scans || m != nil && !small && !strings.Contains(line, "VIRTUAL TABLE") && !ownIndex.MatchString(line)
			return err
		}, "explain query plan "+query, make([]any, parameters(query))...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return plan, scans
}

// parameters returns how many arguments a statement takes.
func parameters(query string) int {
	numbered := 0
	for i := 1; i < 20; i++ {
		if strings.Contains(query, fmt.Sprintf("?%d", i)) {
			numbered = i
		}
	}
	if numbered > 0 {
		return numbered
	}
	return strings.Count(query, "?")
}
