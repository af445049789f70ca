//go:build !linux

package proof

import "os"

func standBack() {}

func forget(*os.File, int64, int64) {}
