"""Avi's own words: log entries, codes, times and addresses as Controllers and Service Engines write them."""
