"""Reports that were saved as JSON, read for the commands that work on them."""

from __future__ import annotations

import sys
from pathlib import Path

from icapdiag.cli.console import stop_with
from icapdiag.model import Report
from icapdiag.report.machine.from_json import LARGEST, NotAReport, read_report

_SHOWN = "standard input"


def load_report(name: str) -> Report:
    """The report in the file of this name, ``-`` for standard input.

    What can't be read, or is no report, ends the command: each problem is said on stderr, with its place.
    """
    shown = _SHOWN if name == "-" else name
    try:
        data = _read(name)
    except OSError as error:
        stop_with([f"icapdiag: can't read {shown}: {error.strerror or error}"])
    try:
        return read_report(data)
    except NotAReport as error:
        stop_with(f"icapdiag: {shown}: {problem}" for problem in error.problems)


def _read(name: str) -> bytes:
    """At most one byte more than a report may have."""
    if name != "-":
        with Path(name).open("rb") as stream:
            return stream.read(LARGEST + 1)
    if sys.stdin is None:
        raise OSError("it is closed")
    return sys.stdin.buffer.read(LARGEST + 1)
