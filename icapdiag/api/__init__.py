"""The program as functions: sources are read or probed, runbooks judge the facts, the result is a report.

Import `icapdiag.check` and `icapdiag.explain`; the command line is one of their users. Each has a module of its own,
so that explaining a log does not load what probes servers.
"""
