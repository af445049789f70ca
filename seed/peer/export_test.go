package peer

import "time"

// Impatient makes s start a crashed child again almost at once.
func Impatient(s *Seed) { s.firstPause, s.lastPause = time.Millisecond, 20*time.Millisecond }
