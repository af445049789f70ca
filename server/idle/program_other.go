//go:build !linux

package idle

// unmapProgram does nothing where there is no list of what is mapped.
func unmapProgram() error { return nil }
