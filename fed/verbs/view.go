package verbs

import (
	"context"

	"github.com/tubelet/tubelet/store/social"
)

// view counts that somebody watched a video on their own server. A server says so once for
// each viewer; how often it may speak at all is bounded by the inbox.
func (t *task) view(ctx context.Context) error {
	video, err := t.video(ctx, t.activity.Ref("object"))
	if err != nil {
		return err
	}
	// PeerTube also says who is watching right now, and until when: no view yet.
	if t.activity.Text("expires") != "" {
		return ignore("somebody is watching")
	}
	err = t.finish(ctx, false, func(*social.Store) error { return nil })
	if err == nil {
		t.cfg.Viewed(video.ID)
	}
	return err
}
