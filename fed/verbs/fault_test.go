package verbs

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/store/social"
)

// An activity on which we break has no effect, and is not tried for ever.
func TestFault(t *testing.T) {
	var told bytes.Buffer
	v := &Verbs{cfg: Config{Log: slog.New(slog.NewTextHandler(&told, nil))}} // without a site to ask
	err := v.guarded(t.Context(), social.Received{
		Activity: "https://peer.example/likes/1", Actor: "https://peer.example/users/a",
		Body: []byte(`{"id":"https://peer.example/likes/1","type":"Like","actor":"https://peer.example/users/a","object":"https://video.example/videos/x"}`),
	})
	var nothing *ignored
	if !errors.As(err, &nothing) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(told.String(), "likes/1") || !strings.Contains(told.String(), "stack=") {
		t.Errorf("the log says %s", told.String())
	}
}
