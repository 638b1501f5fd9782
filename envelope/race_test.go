//go:build race

package envelope_test

// raceEnabled thins out what takes long under the race detector.
const raceEnabled = true
