package media

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// Tool finds "ffmpeg" or "ffprobe" and asks it for its version. Both are empty when it is
// not there.
func (m *Maker) Tool(ctx context.Context, name string) (path, version string) {
	path, err := m.tool(name)
	if err != nil {
		return "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-version")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return path, ""
	}
	// "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) ..."
	if words := strings.Fields(string(out)); len(words) > 2 && words[1] == "version" {
		version = words[2]
	}
	return path, version
}
