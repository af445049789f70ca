package store

import (
	"testing"
	"time"
)

// exerciseSharing calls every method about sharing that runs SQL.
func exerciseSharing(t *testing.T, s *Store, video string) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	ok := func(what string, errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	err2 := func(_ any, err error) error { return err }
	r := Rendition{Height: 360, File: "360p.mp4", Infohash: "0badcafe0badcafe0badcafe0badcafe0badcafe"}
	v, err := s.Video(ctx, video)
	v.PublishAt = time.Time{}
	ok("torrents", err, s.UpdateVideo(ctx, v), s.QueueTorrents(ctx, Job{Kind: "torrents"}), s.SetTorrent(ctx, MediaRef{video, 2}, r),
		err2(s.VideoOf(ctx, r.Infohash)), err2(s.SharesSome(ctx)), err2(s.Infohashes(ctx, "on")))
	_, _, err = s.Traffic(ctx, now)
	ok("traffic", err, err2(s.LargestSource(ctx)), err2(s.FailedSince(ctx, now)), s.AddTraffic(ctx, now, Traffic{"http": 1}))
	_, _, err = s.TopRate(ctx, 1080)
	ok("figures", err, s.AskFigures(ctx, now), err2(s.FiguresAsked(ctx)), err2(s.Figures(ctx)), s.TellFigures(ctx, Figures{At: now, JSON: []byte("{}")}))
	ok("mirrors", err2(s.SeeMirror(ctx, Mirror{ID: "aa", Name: "attic"})), err2(s.MirrorRefused(ctx, "aa")), err2(s.RefuseMirror(ctx, "attic", true)))
}
