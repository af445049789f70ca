// Package idle gives back the memory of a process that has nothing to do: what Go keeps for
// the next busy minute, and the pages of the program's own file. The latter stay in the
// system's cache, so that touching one again reads no disk; but a page that no process has
// in use is the first that the system takes when a transcode beside us wants room.
package idle

import "runtime/debug"

// Release gives memory back. It takes milliseconds, in which nothing else waits.
func Release() error {
	debug.FreeOSMemory()
	return unmapProgram()
}
