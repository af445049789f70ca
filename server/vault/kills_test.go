//go:build !long

package vault_test

// kills is how many times each kind of work is killed. make test-long has more.
const kills = 5
