"""Which probes run, what they would send, and running them on all members at once."""
