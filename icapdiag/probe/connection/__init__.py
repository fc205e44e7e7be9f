"""One connection to a member, and one ICAP transaction on it: bytes, time, and what went wrong."""
