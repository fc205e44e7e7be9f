"""Logs of the scanner's side: server.log and access.log of c-icap, cache.log and ICAP logs of Squid."""
