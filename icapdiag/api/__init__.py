"""What the program does, as functions: sources are read or probed, runbooks judge them, a report comes out.

`icapdiag.check` and `icapdiag.explain` are the names to import; the command line is one of their users. A module
each, as whoever explains a log has no use for what probes servers.
"""
