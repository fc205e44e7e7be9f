"""What is drawn of a report, for tests of what it says."""

from __future__ import annotations

from typing import Any

from icapdiag.model import Observation, Report, unflatten
from icapdiag.report.document import Document
from icapdiag.report.formats import Style, render


def document(report: Report) -> Document:
    """The document of a report."""
    return Document(report)


def table(report: Report, width: int = 100, *, color: bool = False, plain: bool = False, detail: int = 0) -> str:
    """What a terminal of this width shows: the first screen, or with more detail."""
    return render(report, "table", Style(width, color=color, plain=plain, detail=detail))


def section(report: Report, start: str, width: int = 100, *, plain: bool = False) -> list[str]:
    """The lines of the part of the whole table that begins with ``start``; none if there is no such part."""
    parts = table(report, width, plain=plain, detail=2).rstrip("\n").split("\n\n")
    return next((part.split("\n") for part in parts if part.startswith(start)), [])


def seen(probe: str, status: str = "ok", /, **facts: Any) -> Observation:
    """An observation with these facts, by their names in JSON."""
    return unflatten({"source": "probe", "probe": probe, "status": status, **facts})
