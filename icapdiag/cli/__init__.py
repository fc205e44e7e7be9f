"""The command line: parses, calls, prints, exits. The only place that knows typer.

A file or a room a command, and none knows another. What a command needs is imported inside its
function, so that ``--help`` and the commands that need little start fast.
"""
