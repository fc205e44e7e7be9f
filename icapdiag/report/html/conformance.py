"""The table of RFC 3507's rules: which were kept, which were not, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from icapdiag.model import Report
from icapdiag.report.html.findings import fact_rows


@dataclass(frozen=True, slots=True)
class Rules:
    """Headings and rows of the table, as wide as its widest record."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def rules(report: Report) -> Rules | None:
    """What the report knows about conformance; None if it has no such table."""
    found = getattr(report, "conformance", ())
    records = [dict(fact_rows(item)) for item in found if isinstance(item, Mapping)]
    headings = tuple(dict.fromkeys(name for record in records for name in record))
    if not headings:
        return None
    return Rules(headings, tuple(tuple(record.get(name, "-") for name in headings) for record in records))
