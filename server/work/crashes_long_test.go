//go:build long

package work_test

const crashes = 120
