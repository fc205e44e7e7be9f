"""One connection to a member, and one ICAP transaction on it: bytes, times and failures."""
