"""Avi's configuration objects: found in files, read with their defaults, followed from one to the next."""
