"""The command line: parses, calls api, prints, exits. The only place that knows typer.

A file or a room a command, and none knows another. What a command works with is imported inside its function, so that
``--help`` and the other commands need not wait for it. Those modules have no annotations from __future__: as text,
typer evaluates them three times.
"""
