// Package figures measures what the server promises: files against nginx, pages a
// second, the time from its start to the first answer, and its memory at rest. It is
// tests alone, behind the build tag bench (make bench): each figure comes from the real
// binary, next to what it is compared with, in one interleaved run.
package figures
