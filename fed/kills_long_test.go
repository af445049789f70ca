//go:build long

package fed_test

// kills is how many times TestKilled kills.
const kills = 30
