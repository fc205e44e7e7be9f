"""What a command reads before it does its work: runbooks, saved reports. What can't be used ends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from icapdiag.bounded import read_file, read_open
from icapdiag.cli.console import fail, stop_with
from icapdiag.doubled import unique
from icapdiag.model import Report
from icapdiag.report.machine.from_json import LARGEST, NotAReport, read_report
from icapdiag.runbook import Library, RunbookError, load_runbooks
from icapdiag.vocabulary import ExitStatus


def load_library(folders: Sequence[Path] | None, status: ExitStatus = ExitStatus.USAGE) -> Library:
    """The runbooks of the program and of these folders; wrong ones end the command with ``status``."""
    try:
        return load_runbooks(folders or ())
    except RunbookError as error:
        stop_with(error.errors, status)


def load_report(name: str) -> Report:
    """The report in the file of this name, ``-`` for standard input.

    A file that can't be read, or is not a report, ends the command: each problem is said on stderr, with its place.
    """
    shown = "standard input" if name == "-" else name
    try:
        return read_report(_read(name))
    except OSError as error:
        fail(f"can't read {shown}", error)
    except NotAReport as error:
        stop_with(f"icapdiag: {shown}: {problem}" for problem in error.problems)


def read_document(name: str) -> object:
    """The JSON of a file, or of stdin for ``-``; raises OSError, and ValueError with a place for what is none."""
    data = _read(name)
    if len(data) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    try:
        return json.loads(data, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except UnicodeDecodeError:
        raise ValueError("not JSON: neither UTF-8 nor UTF-16") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None


def _read(name: str) -> bytes:
    """At most one byte more than `LARGEST`. Raises OSError."""
    if name != "-":
        return read_file(Path(name), LARGEST)
    if sys.stdin is None:
        raise OSError("it is closed")
    return read_open(sys.stdin.fileno(), LARGEST)
