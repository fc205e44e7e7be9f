"""Counts entries into groups: a summary that can be merged with that of another part of a log."""
