"""The work of ``icapdiag explain``: files are read until their end or Ctrl-C; what was read by then is explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from icapdiag.api.explaining import explain
from icapdiag.cli.console import stderr_is_terminal
from icapdiag.cli.progress import ReadingProgress
from icapdiag.cli.signals import Stop
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.runbook import Library


class Explained(NamedTuple):
    """A report. ``refused`` has a sentence about each input that gave nothing."""

    report: Report
    refused: Sequence[str]
    interrupted: bool


def explain_files(files: Sequence[str], filters: Filters, library: Library, jobs: int | None, stop: Stop) -> Explained:
    """Read everything once, or until ``stop``. Raises `InputError`."""
    progress = ReadingProgress() if stderr_is_terminal() else None
    refused: list[str] = []
    try:
        report = explain(
            files,
            filters=filters,
            runbooks=library,
            jobs=jobs,
            progress=progress,
            stop=stop,
            refused=refused.append,
        )
    finally:
        if progress is not None:
            progress.erase()
    return Explained(report, refused, stop())
