package media

import "time"

// SetChunk makes chunks as short as gops GOPs, so that short clips have several.
func (m *Maker) SetChunk(gops int) { m.gops = gops }

// SetStall makes a run that hangs end sooner.
func (m *Maker) SetStall(most time.Duration) { m.stall = most }
