"""Avi logs: containers, recovery, decoding, and the summary that everything is counted into."""
