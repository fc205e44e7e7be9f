"""The probes of every check, and of a quick one."""
