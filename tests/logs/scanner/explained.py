"""Logs of scanners, explained, and what a report says of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from icapdiag.api import explaining
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.report.terminal import render
from icapdiag.runbook import Library, load_runbooks

DATA = Path(__file__).parents[2] / "data" / "scanner-logs"


@cache
def library() -> Library:
    return load_runbooks()


def explain(paths: Sequence[Path], filters: Filters | None = None) -> Report:
    return explaining.explain(paths, filters=filters, runbooks=library())


def first_line(report: Report) -> str:
    return " ".join(render(report).split("\n\n")[0].split())


def ids(report: Report) -> list[str]:
    return [found.id for found in report.findings]


def counted(report: Report) -> list[str]:
    """What was counted, whatever the file is called."""
    events = [
        (each.event, each.messages, each.first_seen, each.last_seen, each.passed_count, each.refused_count)
        for each in report.scanner_events or ()
    ]
    requests = [
        (each.service_uri, each.icap_status, each.outcome, each.count) for each in report.scanner_requests or ()
    ]
    return sorted(map(str, [*events, *requests]))
