"""For programs: JSON and what monitoring, CI and scanning read."""
