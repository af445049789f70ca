// Package fediverse holds the commands about the people of other servers: who follows, who is
// not heard, what is said under videos and what the creator answers, how the federation
// fares, moving and ending. Each makes one call into package fed or the store; what is
// to be told to others is put there as rows, which the running server, or the next, sends.
package fediverse

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tubelet/tubelet/cli/app"
	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/server/fediverse"
)

// Commands returns the commands of this package.
func Commands(a *app.App) []*cobra.Command {
	return []*cobra.Command{
		newFollowers(a), newComments(a), newReply(a), newLike(a), newBoost(a), newBlock(a, false), newBlock(a, true), newUnblock(a), newBlocks(a),
		newFederation(a), newMoveTo(a), newMoveFrom(a), newRetire(a),
	}
}

// with calls do with the open channel and its part of the fediverse.
func with(ctx context.Context, a *app.App, do func(*app.Session, *fed.Fed) error) error {
	s, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := fediverse.Hand(ctx, s.Data, s.Store)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(s, f)
}
