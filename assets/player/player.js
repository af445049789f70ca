// The player.
