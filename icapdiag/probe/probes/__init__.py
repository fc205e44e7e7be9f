"""The probes, one per module, and code that some of them share."""
