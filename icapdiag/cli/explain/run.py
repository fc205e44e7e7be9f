"""The work of ``icapdiag explain``: files are read until their end or Ctrl-C; what was read by then is explained."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import FrameType
from typing import NamedTuple, Self

from icapdiag.api.explaining import explain
from icapdiag.cli.console import stderr_is_terminal
from icapdiag.cli.progress import ReadingProgress
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.runbook import Library

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Explained(NamedTuple):
    """A report. ``refused`` has a sentence about each input that gave nothing."""

    report: Report
    refused: Sequence[str]
    interrupted: bool


class Stop:
    """Ctrl-C that ends the reading and not the program.

    Turns true at the first SIGINT or SIGTERM while entered; the second raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: list[object] = []

    def __call__(self) -> bool:
        return self.requested

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._handle) for number in _SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def explain_files(files: Sequence[str], filters: Filters, library: Library, jobs: int | None) -> Explained:
    """Read everything once. Raises `InputError`."""
    progress = ReadingProgress() if stderr_is_terminal() else None
    refused: list[str] = []
    try:
        with Stop() as stop:
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
    return Explained(report, refused, stop.requested)
