package verbs

import (
	"context"
	"slices"
	"strings"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

const (
	maxReport  = 2000
	maxObjects = 10
	maxAddress = 300
)

// flag keeps a report for the creator to read.
func (t *task) flag(ctx context.Context) error {
	objects := t.activity.Refs("object")
	ours := slices.DeleteFunc(objects, func(id string) bool {
		_, own := t.ours(id)
		return !own || len(id) > maxAddress
	})
	if len(ours) == 0 {
		return ignore("the report is about nothing of ours")
	}
	report := social.Report{
		Actor: t.received.Actor, Object: strings.Join(ours[:min(len(ours), maxObjects)], "\n"), At: t.now,
		Text: vocab.Clean(t.policyFree(t.activity.Text("content")), maxReport),
	}
	return t.finish(ctx, false, func(s *social.Store) error { return s.AddReport(ctx, report) })
}
