package cli_test

import (
	"context"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// neighbours makes the channel known elsewhere: Ada, who asks to follow, Bea, who follows, a
// block, and three comments by Bea under a video, of which the third waits.
func neighbours(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, now := context.Background(), time.Now()
	db, err := store.Open(ctx, filepath.Join(ts.Getenv("TUBELET_DATA"), "tubelet.db"))
	ts.Check(err)
	defer db.Close()
	f := db.Social()
	for i, name := range []string{"ada", "bea"} {
		home := "https://social.example/users/" + name
		id, err := f.SaveActor(ctx, social.Actor{
			URI: home, Kind: "Person", Acct: "@" + name + "@social.example", Host: "social.example", Name: name, URL: home, Inbox: home + "/inbox",
			SharedInbox: "https://social.example/inbox", KeyID: home + "#main-key", FetchedAt: now,
		})
		ts.Check(err)
		_, err = f.Follow(ctx, social.Person, id, home+"/follow", i == 1, now)
		ts.Check(err)
	}
	_, err = f.Block(ctx, social.Block{Target: "spam.example", At: now})
	ts.Check(err)
	video := store.Video{ID: "aaaaaaaaaa", Title: "One", Media: store.Media{Rev: 1, State: store.Done, Renditions: []store.Rendition{{Height: 360, File: "360p.mp4", Playlist: "360p.m3u8"}}}}
	ts.Check(db.CreateVideo(ctx, store.NewVideo{Video: video}))
	bea, err := f.Actor(ctx, "https://social.example/users/bea")
	ts.Check(err)
	for i, state := range []social.State{social.Shown, social.Shown, social.Held} {
		note := "https://social.example/notes/" + string(rune('1'+i))
		_, _, err := f.AddComment(ctx, social.Comment{
			Video: video.ID, Actor: bea.ID, URI: note, URL: note, Name: "Bea", Acct: bea.Acct, HTML: "<p>A <b>fine</b> vise</p>", State: state, PublishedAt: now,
		})
		ts.Check(err)
	}
}
