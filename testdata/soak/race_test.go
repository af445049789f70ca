//go:build bench && race

package soak

const raceDetector = true
