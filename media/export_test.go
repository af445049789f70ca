package media

// SetChunk makes chunks as short as gops GOPs, so that short clips have several.
func (m *Maker) SetChunk(gops int) { m.gops = gops }
