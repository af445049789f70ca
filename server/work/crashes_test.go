//go:build !long

package work_test

// crashes is how many kills TestCrash makes at the least. make test-long has more.
const crashes = 52
