package mirror_test

import (
	"context"
	"os"
	"os/exec"
)

func child(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], childArg) }
