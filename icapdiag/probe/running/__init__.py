"""Which probes run, what they would send, and all members at once."""
