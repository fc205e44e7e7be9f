"""A shell script for a Service Engine that asks a pool's members by ICAP, and what it printed as facts.

Nothing here opens a connection: the script does, on the Service Engine.
"""
