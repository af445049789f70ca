//go:build long

package vault_test

const kills = 70
